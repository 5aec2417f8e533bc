// The list of result codes as texts.
#include <rouse/errors.h>

const char *rouse_error_message(int code) {
  if (code >= 0) return "success";
  switch (code) {
#define TEXT(name, value, error, windows, text)                                                    \
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
#define NAME(name, value, error, windows, text)                                                    \
  case value:                                                                                      \
    return "ROUSE_" #name;
    ROUSE_ERROR_LIST(NAME)
#undef NAME
    default:
      return "ROUSE_E?";
  }
}
