# A test that is skipped, and says why. (A script can't choose its exit code: ctest goes by the line.)
message(NOTICE "SKIP: ${REASON}")
