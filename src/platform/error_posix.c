// From errno to the codes of the library.
#include <errno.h>

#include <rouse/errors.h>

int rouse_error_from_system(int error) {
  static const struct {
    int error, code;
  } map[] = {
#define PAIR(name, value, error, windows, text) {error, value},
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
