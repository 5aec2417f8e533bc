// What Windows keeps of a file besides its contents: times and some attributes, set at one go.
#include "native.h"

#include "copy.h"

static LARGE_INTEGER ticks_of(file_time time) {
  const int64_t to_1970 = INT64_C(11644473600), ticks = 10000000;
  return (LARGE_INTEGER){.QuadPart = (time.seconds + to_1970) * ticks + time.nanoseconds / 100};
}

bool attributes_inherited(inode directory) {
  (void)directory;
  return false;
}

int attributes_set_mode(inode to, uint32_t mode) {
  (void)to, (void)mode;
  return 0;
}

// Links are read without any such time.
void attributes_restore_read(inode inode, const file_status *status) { (void)inode, (void)status; }

int attributes_keep(copy *copy, const file_status *status, inode from, const file_status *made,
                    inode to, bool clean, place where, const char **out_what) {
  (void)copy, (void)from, (void)made, (void)clean, (void)where;
  // A link keeps to itself whether it leads to a directory.
  DWORD attributes = status->attributes & ~(DWORD)FILE_ATTRIBUTE_DIRECTORY;
  FILE_BASIC_INFO info = {
      .CreationTime = ticks_of(status->created),
      .LastAccessTime = ticks_of(status->read),
      .LastWriteTime = ticks_of(status->modified),
      .FileAttributes = attributes != 0 ? attributes : FILE_ATTRIBUTE_NORMAL,
  };
  *out_what = "cannot set its times and attributes";
  HANDLE handle = native_handle(to.fd);
  return SetFileInformationByHandle(handle, FileBasicInfo, &info, sizeof info)
             ? 0
             : native_last_error();
}

int attributes_compare(inode left, inode right, char **out_name) {
  (void)left, (void)right;
  *out_name = NULL;
  return 0;
}
