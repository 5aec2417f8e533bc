// Removing a tree that the tool itself has made.
#ifndef ROUSE_TOOL_REMOVE_H
#define ROUSE_TOOL_REMOVE_H

// Removes the directory |path| and all below it. Nobody else may be changing it. 0 or a failure.
int remove_tree(const char *path);

#endif
