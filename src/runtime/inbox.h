// The values of a loop's inbox. The protocol is at the top of deliver.c.
#ifndef ROUSE_RUNTIME_INBOX_H
#define ROUSE_RUNTIME_INBOX_H

enum {
  ROUSE__INBOX_SLEEPING = 1,  // the sentinel
  ROUSE__INBOX_CANCEL = 2,    // tag: a request to cancel, linked by cancel_link
};

#endif
