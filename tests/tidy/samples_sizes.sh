lines() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "  x;" }'; }

begin; lines 1001 | put src/a.c
bad "a long file" "src/a.c:1: 1001 lines"
begin; lines 1001 | put scripts/a.sh; lines 1 | put src/b.c
bad "a long script" "scripts/a.sh:1: 1001 lines"
begin; { echo 'void f(void) {'; lines 99; echo '}'; } | put src/a.c
bad "a long function" "src/a.c:1: a function of 101 lines"
begin; { echo 'void f(int a,'; echo '       int b) {'; lines 99; echo '}'; } | put src/a.c
bad "a long function with a long head" "a function of 101 lines"
begin; awk 'BEGIN { for (i = 0; i < 101; i++) printf "x"; print "" }' | put src/a.c
bad "a long line" "src/a.c:1: 101 columns"

begin; lines 1000 | put src/a.c
good "a file of 1000 lines"
begin; { echo 'void f(void) {'; lines 98; echo '}'; echo 'int g(void) {'; lines 98; echo '}'; } | put src/a.c
good "functions of 100 lines"
begin; { echo 'int table[] = {'; lines 300; echo '};'; } | put src/a.c
good "a table"
begin; awk 'BEGIN { for (i = 0; i < 99; i++) printf "x"; print "…" }' | put src/a.c
good "100 columns, one of three bytes"
