// The list of result codes as texts, and the way in from the system's own errors.
#include <rouse/errors.h>

#include <errno.h>

const char *rouse_error_message(int code) {
  if (code >= 0) return "success";
  switch (code) {
#define TEXT(name, value, error, text)                                                             \
  case value:                                                                                      \
    return text;
    ROUSE_ERROR_LIST(TEXT)
#undef TEXT
    default:
      return "an unknown error code";
  }
}

const char *rouse_error_name(int code) {
  if (code >= 0) return "ROUSE_OK";
  switch (code) {
#define NAME(name, value, error, text)                                                             \
  case value:                                                                                      \
    return "ROUSE_" #name;
    ROUSE_ERROR_LIST(NAME)
#undef NAME
    default:
      return "ROUSE_E?";
  }
}

int rouse_error_from_system(int error) {
  static const struct {
    int error, code;
  } map[] = {
#define PAIR(name, value, error, text) {error, value},
      ROUSE_ERROR_LIST(PAIR)
#undef PAIR
  };
  if (error == 0) return 0;
  if (error < 0) error = error > -INT32_MAX ? -error : INT32_MAX;
  for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
    if (map[i].error == error) return map[i].code;
  }
#if defined ENOTSUP && ENOTSUP != EOPNOTSUPP
  if (error == ENOTSUP) return ROUSE_ENOTSUP;
#endif
#if defined EWOULDBLOCK && EWOULDBLOCK != EAGAIN
  if (error == EWOULDBLOCK) return ROUSE_EAGAIN;
#endif
  return ROUSE_EUNKNOWN;
}
