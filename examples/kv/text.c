// Numbers and patterns, read as redis reads them.
#include <string.h>
#include <strings.h>

#include "kv.h"

struct slice slice_of(const char *text) {
  return (struct slice){text, strlen(text)};
}

bool slice_is(struct slice slice, const char *word) {
  return slice.length == strlen(word) && !strncasecmp(slice.bytes, word, slice.length);
}

// Exactly what integer_format() gives: no sign but a minus, no spaces, no zeros in front.
bool slice_to_integer(struct slice slice, int64_t *out_value) {
  size_t at = 0;
  bool negative = slice.length > 1 && slice.bytes[0] == '-';
  uint64_t value = 0, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
  if (slice.length == 0 || slice.length >= INTEGER_MOST) return false;
  if (negative) at++;
  if (slice.bytes[at] == '0' && slice.length > 1) return false;
  for (; at < slice.length; at++) {
    if (slice.bytes[at] < '0' || slice.bytes[at] > '9') return false;
    unsigned digit = (unsigned)(slice.bytes[at] - '0');
    if (value > (most - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *out_value = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

size_t integer_format(char text[INTEGER_MOST], int64_t value) {
  char digits[INTEGER_MOST];
  size_t count = 0, length = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[count++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0) text[length++] = '-';
  while (count) text[length++] = digits[--count];
  return length;
}

// --- patterns ------------------------------------------------------------------------------------

// |*at| is after a '[', and becomes the place after its end.
static bool class_matches(struct slice pattern, size_t *at, unsigned char character) {
  const unsigned char *bytes = (const unsigned char *)pattern.bytes;
  bool not = *at < pattern.length && bytes[*at] == '^', found = false;
  if (not ) ++*at;
  while (*at < pattern.length && bytes[*at] != ']') {
    size_t rest = pattern.length - *at;
    unsigned char low = bytes[*at], high = low;
    if (low == '\\' && rest >= 2) {
      low = high = bytes[*at + 1];
      *at += 2;
    } else if (rest >= 3 && bytes[*at + 1] == '-') {
      high = bytes[*at + 2];
      *at += 3;
    } else {
      ++*at;
    }
    if ((character >= low && character <= high) || (character >= high && character <= low)) {
      found = true;
    }
  }
  if (*at < pattern.length) ++*at;
  return found != not ;
}

// Whether the pattern's part at |*at|, which is no star, takes |character|; |*at| goes past it.
static bool one_matches(struct slice pattern, size_t *at, unsigned char character) {
  char part = pattern.bytes[(*at)++];
  if (part == '?') return true;
  if (part == '[') return class_matches(pattern, at, character);
  if (part == '\\' && *at < pattern.length) part = pattern.bytes[(*at)++];
  return (unsigned char)part == character;
}

// Where it fails after a star, the star takes one character more. Only the last star need be
// remembered, so the time is bounded by the product of the lengths.
//
// Of an empty text redis looks at no star.
bool glob_matches(struct slice pattern, struct slice text) {
  if (!text.length) return !pattern.length;
  size_t at = 0, read = 0, after_star = SIZE_MAX, star_read = 0;
  while (read < text.length) {
    if (at < pattern.length && pattern.bytes[at] == '*') {
      after_star = ++at;
      star_read = read;
      continue;
    }
    if (at < pattern.length && one_matches(pattern, &at, (unsigned char)text.bytes[read])) {
      read++;
      continue;
    }
    if (after_star == SIZE_MAX) return false;
    at = after_star;
    read = ++star_read;
  }
  while (at < pattern.length && pattern.bytes[at] == '*') at++;
  return at == pattern.length;
}
