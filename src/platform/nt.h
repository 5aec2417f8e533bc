// The native functions of Windows that the library uses, and paths as they take them.
//
// They are looked up in ntdll at run time: some are not in every Windows, and Wine lacks some more.
#ifndef ROUSE_PLATFORM_NT_H
#define ROUSE_PLATFORM_NT_H

#include "platform/windows.h"

typedef NTSTATUS NTAPI rouse__nt_create_file(PHANDLE out_file, ACCESS_MASK access,
                                             POBJECT_ATTRIBUTES name, PIO_STATUS_BLOCK status,
                                             PLARGE_INTEGER allocate, ULONG attributes, ULONG share,
                                             ULONG disposition, ULONG options, PVOID ea,
                                             ULONG ea_size);
// Both to query and to set.
typedef NTSTATUS NTAPI rouse__nt_information_file(HANDLE file, PIO_STATUS_BLOCK status, PVOID data,
                                                  ULONG size, ULONG what);
typedef NTSTATUS NTAPI rouse__nt_device_control(HANDLE file, HANDLE event, PVOID apc, PVOID context,
                                                PIO_STATUS_BLOCK status, ULONG code, PVOID in,
                                                ULONG in_size, PVOID out, ULONG out_size);
typedef NTSTATUS NTAPI rouse__nt_create_packet(PHANDLE out_packet, ACCESS_MASK access,
                                               POBJECT_ATTRIBUTES name);
typedef NTSTATUS NTAPI rouse__nt_associate_packet(HANDLE packet, HANDLE port, HANDLE target,
                                                  PVOID key, PVOID context, NTSTATUS status,
                                                  ULONG_PTR information, PBOOLEAN out_signalled);
typedef NTSTATUS NTAPI rouse__nt_cancel_packet(HANDLE packet, BOOLEAN remove_signalled);

typedef NTSTATUS NTAPI rouse__nt_query_object(HANDLE handle, ULONG what, PVOID data, ULONG size,
                                              PULONG out_size);
typedef NTSTATUS NTAPI rouse__nt_query_event(HANDLE event, ULONG what, PVOID data, ULONG size,
                                             PULONG out_size);

struct rouse__nt {
  rouse__nt_create_file *create_file;
  rouse__nt_information_file *query_information_file, *set_information_file;
  rouse__nt_device_control *device_control_file;
  rouse__nt_query_object *query_object;
  rouse__nt_query_event *query_event;
  // These may be NULL.
  rouse__nt_create_packet *create_wait_packet;
  rouse__nt_associate_packet *associate_wait_packet;
  rouse__nt_cancel_packet *cancel_wait_packet;
};

// Threads: any. Never NULL.
const struct rouse__nt *rouse__nt(void);

// Whether |status| says that the system, or a file system, does not have this form of a call.
bool rouse__is_unknown(NTSTATUS status);

// A path for the native functions: an absolute name, or one that is relative to |root|.
struct rouse__nt_path {
  HANDLE root;
  wchar_t *name;      // ends with 0; allocated
  uint32_t length;    // in characters
  bool to_directory;  // it ended with a separator
};

// |utf8| below the directory |dir| (ROUSE_FD_CWD: the current one). Both kinds of separators, "."
// and ".." are understood; absolute paths in all of Windows's forms; no limit of 260 characters. 0;
// ROUSE_ENOENT (an empty path), ROUSE_EINVAL (not UTF-8), ROUSE_ENAMETOOLONG, ROUSE_ENOMEM, …
int rouse__nt_path_make(struct rouse__nt_path *path, int dir, const char *utf8);
// Makes |path| absolute.
int rouse__nt_path_absolute(struct rouse__nt_path *path);
void rouse__nt_path_free(struct rouse__nt_path *path);

// Opens or creates. Access, disposition and options are those of NtCreateFile; everything is shared
// and nothing inherited.
NTSTATUS rouse__nt_open(const struct rouse__nt_path *path, ACCESS_MASK access, ULONG disposition,
                        ULONG options, ULONG attributes, HANDLE *out_handle);

// What a read from |handle|, or a write to it, that was refused with |code| is refused with: more
// than the system says.
int rouse__transfer_failure(HANDLE handle, int code);

// --- constants that mingw's headers lack or keep elsewhere ---------------------------------------

enum {
  ROUSE__FILE_BASIC = 4,
  ROUSE__FILE_STANDARD = 5,
  ROUSE__FILE_ACCESS = 8,
  ROUSE__FILE_RENAME = 10,
  ROUSE__FILE_LINK = 11,
  ROUSE__FILE_DISPOSITION = 13,
  ROUSE__FILE_POSITION = 14,
  ROUSE__FILE_MODE = 16,
  ROUSE__FILE_ALLOCATION = 19,
  ROUSE__FILE_END_OF_FILE = 20,
  ROUSE__FILE_ATTRIBUTE_TAG = 35,
  ROUSE__FILE_DISPOSITION_EX = 64,
  ROUSE__FILE_RENAME_EX = 65,
};

#define ROUSE__STATUS(code) ((NTSTATUS)(code))
#define ROUSE__STATUS_PENDING ROUSE__STATUS(0x00000103)
#define ROUSE__STATUS_END_OF_FILE ROUSE__STATUS(0xC0000011)
#define ROUSE__STATUS_PIPE_BROKEN ROUSE__STATUS(0xC000014B)
#define ROUSE__STATUS_CANCELLED ROUSE__STATUS(0xC0000120)
#define ROUSE__STATUS_BUFFER_OVERFLOW ROUSE__STATUS(0x80000005)
#define ROUSE__STATUS_CANNOT_DELETE ROUSE__STATUS(0xC0000121)
#define ROUSE__STATUS_ACCESS_DENIED ROUSE__STATUS(0xC0000022)

#endif
