# Layers: who may include whom, and what a layer may not use.
#
#   base      nobody else
#   sync      base; no OS header, no #if, no memory from the heap, no mutex of the system
#   context   base
#   platform  base, and the list of blocking operations that it carries out
#   runtime   base, sync, context, platform
#   backend/X base, platform, runtime
#   approaches  base, and of platform the parking; the kept libraries it names below
#   tools, examples  the public headers (and approaches, by plain names)
#
# Only backend, context and platform include headers of the system. Only base/atomics.h uses the compiler's
# atomic builtins.

BEGIN {
  split("assert.h ctype.h inttypes.h limits.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h " \
    "stdalign.h stdnoreturn.h string.h", names, " ")
  for (i in names) standard[names[i]] = 1

  may["base", "base"] = 1
  may["sync", "base"] = may["sync", "sync"] = 1
  may["context", "base"] = may["context", "context"] = 1
  may["platform", "base"] = may["platform", "platform"] = 1
  may["runtime", "base"] = may["runtime", "sync"] = may["runtime", "context"] = 1
  may["runtime", "platform"] = may["runtime", "runtime"] = 1
  may["backend", "base"] = may["backend", "platform"] = may["backend", "runtime"] = 1

  exception["platform", "runtime/perform.h"] = 1

  # What the approaches are built on, besides base and the platform's parking.
  kept["approaches/hybrid.c", "nsync.h"] = 1
  kept["approaches/lockfree_fifo.c", "urcu-bp.h"] = 1
  kept["approaches/lockfree_fifo.c", "urcu/rculfqueue.h"] = 1
  kept["approaches/lock_posix.c", "pthread.h"] = 1
  kept["approaches/lock_windows.c", "windows.h"] = 1
  kept["approaches/iocp_event.c", "windows.h"] = 1
}

# The layer of a path below src; of a backend, "backend/NAME".
function layer_of(path,   part) {
  split(path, part, "/")
  return part[1] == "backend" ? part[1] "/" part[2] : part[1]
}

FNR == 1 {
  in_src = FILENAME ~ /^src\//
  layer = in_src ? layer_of(substr(FILENAME, 5)) : ""
  kind = layer
  sub(/\/.*/, "", kind)
  guard = ""
  in_lab = FILENAME ~ /^approaches\//
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  name = $0
  sub(/^[^<]*</, "", name)
  sub(/>.*/, "", name)
  if (name ~ /^rouse\//) next
  if (FILENAME ~ /^include\// && name !~ /^std(bool|def|int)\.h$/) {
    report(FNR, "a public header includes <" name ">")
  }
  if (in_src && kind !~ /^(backend|context|platform)$/ && !(name in standard) &&
      !((FILENAME, name) in exception)) {
    report(FNR, layer " includes <" name ">: only backends, context and platform use the system")
  }
  if (in_lab && !(name in standard) && !((FILENAME, name) in kept)) {
    report(FNR, "an approach includes <" name ">")
  }
  if (name == "stdatomic.h" && (in_src || in_lab)) report(FNR, "atomics come from base/atomics.h")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  name = $0
  sub(/^[^"]*"/, "", name)
  sub(/".*/, "", name)
  if (FILENAME ~ /^include\//) report(FNR, "a public header includes a private one, " name)
  if (FILENAME ~ /^(tools|examples)\// && name ~ /\//) {
    report(FNR, "uses the private header " name "; here the public ones must do")
  }
  if (in_lab && name ~ /\// && name !~ /^base\// && name != "platform/platform.h" &&
      FILENAME !~ /^approaches\/counted\// && name != "counted/urcu.h") {
    report(FNR, "an approach includes " name)
  }
  if (!in_src) next
  other = name ~ /\// ? layer_of(name) : layer
  if (other == layer) next
  to = other
  sub(/\/.*/, "", to)
  if (to == "backend") {
    report(FNR, layer " includes the private header " name " of a backend")
  } else if (!((kind, to) in may) && !((kind, name) in exception)) {
    report(FNR, layer " includes " name)
  }
}

layer == "sync" && /^[ \t]*#[ \t]*(if|elif|else)/ {
  # A header's guard, or a default that a build may replace: #ifndef X, then #define X.
  if (FILENAME ~ /\.h$/ && $1 == "#ifndef") { guard = $2; guard_line = FNR }
  else report(FNR, "a condition of the preprocessor in the sync core")
}
guard != "" && FNR == guard_line + 1 && !($1 == "#define" && $2 == guard) {
  report(guard_line, "a condition of the preprocessor in the sync core")
}

layer == "sync" && code ~ /(^|[^A-Za-z0-9_])(malloc|calloc|realloc|reallocarray|aligned_alloc|free|alloca)[ \t]*\(/ {
  report(FNR, "memory from the heap in the sync core")
}
layer == "sync" && code ~ /pthread_|mtx_/ { report(FNR, "threads of the system in the sync core") }

(in_src || (in_lab && FILENAME != "approaches/counted/base/atomics.h")) &&
FILENAME != "src/base/atomics.h" && code ~ /(^|[^A-Za-z0-9_])(__atomic_|__sync_|atomic_[a-z])/ {
  report(FNR, "a builtin atomic outside base/atomics.h")
}
