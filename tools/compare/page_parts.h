// The files of tools/compare/page, which the build makes into strings.
#ifndef ROUSE_COMPARE_PAGE_PARTS_H
#define ROUSE_COMPARE_PAGE_PARTS_H

extern const char page_style[], page_script[];

#endif
