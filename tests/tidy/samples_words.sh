one src/a.c '// see /wor''k/main/notes'
bad "a path" "src/a.c:1: a path"
one docs/a.md 'built in /home/ada/rouse'
bad "a home" "docs/a.md:1: a path"
one a.sh 'cat /tmp/bas''h_jobs/1'
bad "a job's path" "a.sh:1: a path"
one src/a.c '// TODO: all'
bad "TODO" "src/a.c:1: something left"
one src/a.c 'x; // FIXME'
bad "FIXME" "src/a.c:1: something left"
one src/a.c '/* XXX */'
bad "XXX" "src/a.c:1: something left"

one src/a.c 'char t[] = "/tmp/rouse-XXXXXX";' '// a framework/work/unit, $dir/work/a, the TODOs'
good "lookalikes"
one build/a.c '// TODO'
printf 'fine\n' | put b.c
good "what is built"
