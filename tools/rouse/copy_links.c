// Hard links: of all the names of an inode the first that is found is copied, and the others are
// made links to it at the end.
//
// Waiting until the end spares everything that could go wrong in between: the first may still be
// under way on another loop when the second is found, or may fail, and then the next name is copied
// in its stead. A directory that is owed a link is not left before (its times would change).
#include <stdlib.h>
#include <string.h>

#include "copy.h"

struct link_wish {
  link_wish *next;
  link_group *group;
  entry *entry;  // owed by its directory
};

// --- groups: a table with open addressing --------------------------------------------------------

static link_group **find(const link_table *table, identity identity) {
  uint64_t mixed = identity.inode[0] ^ (identity.inode[1] << 24) ^ (identity.device << 48);
  uint64_t hash = mixed * UINT64_C(0x9E3779B97F4A7C15);
  size_t slot = (size_t)(hash >> 20) & (table->room - 1);
  while (table->groups[slot] != NULL && !identity_equal(table->groups[slot]->identity, identity)) {
    slot = (slot + 1) & (table->room - 1);
  }
  return &table->groups[slot];
}

static void grow(link_table *table) {
  link_table old = *table;
  table->room = old.room == 0 ? 256 : old.room * 2;
  table->groups = system_allocate(table->room * sizeof *table->groups);
  memset(table->groups, 0, table->room * sizeof *table->groups);
  for (size_t slot = 0; slot < old.room; slot++) {
    if (old.groups[slot] != NULL) *find(table, old.groups[slot]->identity) = old.groups[slot];
  }
  free(old.groups);
}

link_group *links_group(link_table *table, identity identity, bool *out_new) {
  if (table->count * 2 >= table->room) grow(table);
  link_group **at = find(table, identity);
  *out_new = *at == NULL;
  if (*out_new) {
    *at = system_allocate(sizeof **at);
    memset(*at, 0, sizeof **at);
    (*at)->identity = identity;
    table->count++;
  }
  return *at;
}

void links_free(copy *copy) {
  for (int side = 0; side < SIDES; side++) {
    link_table *table = &copy->links[side];
    for (size_t slot = 0; slot < table->room; slot++) {
      link_group *group = table->groups[slot];
      if (group == NULL) continue;
      if (group->directory != NULL) walk_drop(&copy->walk, group->directory);
      free(group->name);
      free(group);
    }
    free(table->groups);
    *table = (link_table){0};
  }
}

// --- claims --------------------------------------------------------------------------------------

static void set_first(copy *copy, link_group *group, const entry *entry) {
  if (group->directory != NULL) walk_drop(&copy->walk, group->directory);
  free(group->name);
  walk_hold(&copy->walk, entry->directory);
  group->directory = entry->directory;
  group->name = system_duplicate(entry->target_name, strlen(entry->target_name));
  group->failed = false;
}

// For later: without the original's task and its place among the started, which is the walk's.
static entry *clone(const entry *original) {
  size_t size = strlen(original->name) + 1;
  entry *copied = system_allocate(sizeof *copied + size);
  *copied = (entry){.walk = original->walk,
                    .directory = original->directory,
                    .loop = original->loop,
                    .kind = original->kind};
  memcpy(copied->name, original->name, size);
  copied->target_name = copied->name;
  return copied;
}

bool links_claim(copy *copy, entry *entry, const file_status *status, link_group **out_group) {
  bool first;
  rouse_mutex_lock(&copy->links_lock);
  link_group *group = links_group(&copy->links[SOURCE], status->identity, &first);
  if (first) {
    set_first(copy, group, entry);
    *out_group = group;
  } else {
    link_wish *wish = system_allocate(sizeof *wish);
    *wish = (link_wish){.group = group, .entry = clone(entry)};
    walk_owe(&copy->walk, entry->directory);
    *(copy->wishes_end != NULL ? copy->wishes_end : &copy->wishes) = wish;
    copy->wishes_end = &wish->next;
  }
  rouse_mutex_unlock(&copy->links_lock);
  return first;
}

// --- the pass at the end -------------------------------------------------------------------------

struct linking {
  rouse_fd from, to;
  const char *old_name, *new_name;
  char temporary[SYSTEM_TEMPORARY_SIZE];
};

static int64_t link_now(void *argument) {
  struct linking *linking = argument;
  rouse_fd to = linking->to;
  int result = file_link(linking->from, linking->old_name, to, linking->new_name);
  if (result != ROUSE_EEXIST) return result;
  // Something is there: the link takes its place at one go, as a copied file would.
  result = file_link(linking->from, linking->old_name, to, linking->temporary);
  if (result < 0) return result;
  result = file_rename(to, linking->temporary, to, linking->new_name);
  // A rename between two names of one inode does nothing, and leaves both.
  file_remove(to, linking->temporary);
  return result;
}

// Links |entry|, whose directory is pinned, to the first of |group|.
static int make_link(copy *copy, entry *entry, link_group *group) {
  int result = walk_pin(&copy->walk, group->directory);
  if (result < 0) return result;
  struct linking linking = {
      .from = group->directory->fd[TARGET],
      .to = entry->directory->fd[TARGET],
      .old_name = group->name,
      .new_name = entry->target_name,
  };
  system_temporary_name(linking.temporary);
  result = (int)system_call(&copy->walk.gauges[TARGET], link_now, &linking);
  walk_unpin(&copy->walk, group->directory);
  return result;
}

static void fulfil(copy *copy, link_wish *wish) {
  entry *entry = wish->entry;
  walk *walk = &copy->walk;
  int result = walk_pin(walk, entry->directory);
  if (result < 0 || walk_stopped(walk)) {
    if (result == 0) walk_unpin(walk, entry->directory);
    if (!walk_stopped(walk)) {
      copy_entry_failure(copy, entry, SOURCE, result, "cannot find the way back to it");
    }
    walk_abandon(walk, entry->directory);
    return;
  }
  if (wish->group->failed) {
    set_first(copy, wish->group, entry);
    copy_entry(copy, entry, wish->group);
  } else if (!copy_target_in_the_way(copy, entry)) {
    result = make_link(copy, entry, wish->group);
    if (result == 0) counter_add(&copy->report.links, 1);
    if (result < 0) copy_entry_failure(copy, entry, TARGET, result, "cannot make the hard link");
  }
  walk_paid(walk, entry->directory);
}

void links_make(copy *copy) {
  // Nobody else is at work any more; fulfil() may copy a file, but that claims nothing.
  link_wish *wish = copy->wishes;
  copy->wishes = NULL;
  copy->wishes_end = NULL;
  while (wish != NULL) {
    link_wish *next = wish->next;
    fulfil(copy, wish);
    free(wish->entry);
    free(wish);
    wish = next;
  }
}
