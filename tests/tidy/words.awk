# Words that say more about where the work was done than about it, and promises to do it later.

/(^|[^A-Za-z0-9_.}\/-])\/(work|root|home\/[a-z]+)\/[A-Za-z0-9]/ || /\/tmp\/(bash_jobs|briefs)/ {
  report(FNR, "a path of some machine")
}
/(^|[^A-Za-z0-9_])(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ { report(FNR, "something left to do") }
