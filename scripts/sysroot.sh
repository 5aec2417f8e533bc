# The libraries for AArch64, unpacked into a directory of our own: the system keeps its architectures.
#
# make_sysroot fills $out/aarch64-sysroot with cmocka. apt fetches it with a state of its own, from the
# mirrors that this system uses (for Ubuntu, whose other architectures live elsewhere, from there).

sysroot=$out/aarch64-sysroot

make_sysroot() {
  [ -e "$sysroot/complete" ] && return 0
  program apt-get || {
    echo "AArch64 libraries can be fetched with apt only"
    return 1
  }
  rm -rf "$sysroot"
  mkdir -p "$sysroot"/apt/{lists/partial,cache/archives/partial,sources}
  sysroot_sources || return 1
  sysroot_apt update || return 1
  (cd "$sysroot/apt" && sysroot_apt download libcmocka-dev libcmocka0) || return 1
  local package
  for package in "$sysroot"/apt/*.deb; do
    dpkg-deb -x "$package" "$sysroot" || return 1
  done
  rm -rf "$sysroot/apt"
  : >"$sysroot/complete"
}

sysroot_sources() {
  local source
  for source in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -s "$source" ] || continue
    # Only the distribution's own: others need not have this architecture.
    sed -E -e 's#https?://([a-z.]*archive|security)\.ubuntu\.com/ubuntu/?#http://ports.ubuntu.com/ubuntu-ports/#' \
      -e 's/\[ *arch=[a-z0-9,]* *\]//' -e '/^Architectures:/d' \
      "$source" >"$sysroot/apt/sources/$(basename "$source")"
  done
}

sysroot_apt() {
  apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$sysroot/apt/sources" \
    -o Dir::State::Lists="$sysroot/apt/lists" -o Dir::State::Status=/dev/null \
    -o Dir::Cache="$sysroot/apt/cache" -o APT::Sandbox::User="$(id -un)" -qq "$@"
}
