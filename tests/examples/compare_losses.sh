#!/bin/sh
# SPDX-License-Identifier: MIT
# sh compare_losses.sh PROGRAM FOLDER: what compare_losses must refuse is one line on standard error, status 2 and no file; a report
# is whole, asks no other machine for anything, and its CSV files are the same when it is made again.

set -eu

program=$1
folder=$2
failures=0
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

fail() {
  failures=$((failures + 1))
  printf 'FAILED: %s\n' "$*"
}

# refuses 'sentence' arguments…
refuses() {
  sentence=$1
  shift
  status=0
  "$program" --out report "$@" >out 2>error || status=$?
  [ $status = 2 ] || fail "$* ended with status $status"
  printf 'compare_losses: %s\n' "$sentence" >wanted
  cmp -s wanted error || fail "$* said: $(cat error)"
  [ ! -s out ] || fail "$* printed: $(cat out)"
  for left in report .compare_losses*; do
    [ ! -e "$left" ] || fail "$* left $left"
  done
}

# table name 'header' 'awk expression of the row i': 15 rows
table() {
  awk -v header="$2" "BEGIN { print header; for (i = 1; i <= 15; ++i) print $3 }" >"$1"
}

table good.csv x,y 'i "," i * i % 7 + 0.5'
table constant.csv x,y 'i "," 4.5'
table one_class.csv x,colour 'i ",red"'
table gap.csv x,y 'i "," (i == 9 ? "nan" : i + 0.5)'
table word.csv x,z,y 'i ",a," i + 0.5'
table hole.csv x,y 'i "," (i == 3 ? "" : i + 0.5)'
table unlike.csv x,y 'i ",name" i'
table quote.csv x,y 'i "," (i == 4 ? "\"" : "") i + 0.5'
table hex.csv x,y 'i "," (i == 5 ? "0x1p3" : i + 0.5)'
table nul.csv x,y 'i "," (i == 6 ? "1.23@junk" : i + 0.5)'
tr @ '\000' <nul.csv >nul && mv nul nul.csv
table rare.csv x,alarm 'i "," (i < 3 ? "yes" : "no")'
printf 'x,y\n1,2\n3,4\n' >few.csv
echo precious >file

refuses 'cannot read the file missing.csv' missing.csv
refuses "good.csv: there is no column 'z'; its columns are x, y" good.csv z
refuses "constant.csv: column 'y' is 4.5 in every row: nothing to learn there" constant.csv
refuses "one_class.csv: column 'colour' is 'red' in every row: one class alone" one_class.csv
refuses "gap.csv, line 10: column 'y' is nan, but must be finite" gap.csv
refuses "gap.csv, line 10: column 'y' is nan, but must be finite" gap.csv x
refuses "word.csv, line 2: column 'z' is 'a', but must be a number" word.csv
refuses "hole.csv, line 4: column 'y' is empty" hole.csv
refuses "unlike.csv: column 'y' has 15 different labels in 15 rows, which makes no classes" unlike.csv
refuses 'quote.csv, line 5: a quotation mark is not closed' quote.csv
refuses "hex.csv, line 6: column 'y' is '0x1p3', but must be a number" hex.csv --task regression
refuses 'nul.csv, line 7 holds a NUL byte, so this is no text file' nul.csv
refuses "rare.csv: column 'alarm' has 2 rows of 'yes', but at least 3 of each class are needed" rare.csv
refuses 'few.csv: 2 rows, but at least 12 are needed' few.csv
refuses 'good.csv: 10 rows to train on are fewer than a batch of 64; give --batch a smaller one' good.csv --batch 64
refuses "--losses: there is no loss 'hubert' for regression; there are mse, l1, huber, log_cosh, tukey" good.csv \
  --losses mse,hubert
refuses "--losses: 'mse' is named twice" good.csv --losses mse,mse
refuses "--losses: 'mse,,huber' holds an empty name" good.csv --losses mse,,huber
refuses "--task sorting: a table can be regression, binary_classification or multiclass_classification" good.csv --task sorting
refuses "--task ranking: a table can be regression, binary_classification or multiclass_classification" good.csv --task ranking
refuses 'The following argument was not expected: --fast' good.csv --fast
refuses 'The following argument was not expected: more' good.csv y more
refuses "--epochs: 'many' must be a whole number from 1 to 1000000" good.csv --epochs many
refuses "--epochs: '2.5' must be a whole number from 1 to 1000000" good.csv --epochs 2.5
refuses "--epochs: '0x10' must be a whole number from 1 to 1000000" good.csv --epochs 0x10
refuses "--rate: '-1' must be a number from 1e-06 to 10" good.csv --rate -1
refuses "--seeds: '0' must be a whole number from 1 to 1000" good.csv --seeds 0
refuses '--generate noise: there is imbalanced alone' --generate noise
refuses '--generate makes a table, but good.csv was given too' good.csv --generate imbalanced

# A place that cannot be written to, and one that holds something else.
place_refuses() {
  status=0
  "$program" good.csv --seeds 1 --epochs 2 --out "$1" >out 2>error || status=$?
  [ $status = 2 ] && [ "$(wc -l <error)" -eq 1 ] && grep -q "^compare_losses: --out $1: $2" error ||
    fail "--out $1: status $status, $(cat error)"
  [ ! -s out ] || fail "--out $1 printed: $(cat out)"
}
place_refuses file/report 'cannot write there'
place_refuses file 'exists, and is no report of compare_losses; name another folder'
mkdir other
echo mine >other/notes
place_refuses other 'exists, and is no report of compare_losses; name another folder'
place_refuses . 'is the current folder, or holds it; name another folder'
place_refuses "$(printf 'long%.0s' $(seq 100))" 'cannot write there'
[ "$(cat file) $(cat other/notes) $(ls other)" = 'precious mine notes' ] || fail 'something of the user is gone'

"$program" missing.csv --out deep/er/report >out 2>error || true
[ ! -e deep ] || fail 'empty folders are left'

# A report, twice, into the same folder and another one.
run() {
  "$program" good.csv --seeds 2 --epochs 5 --out "$1" >out 2>error || fail "a report: $(cat error)"
  [ ! -s error ] || fail "not quiet where standard error is no terminal: $(cat error)"
}
mkdir .again.unfinished .compare_losses-1
run 'a report'
run 'a report/.'
run 'a report'
run again
[ -d .again.unfinished ] && rmdir .again.unfinished .compare_losses-1 || fail 'folders of the user are gone'
for name in losses curves seeds; do
  cmp -s "a report/good_$name.csv" "again/good_$name.csv" || fail "good_$name.csv differs from run to run"
done
[ "$(grep -c . again/good_seeds.csv)" -eq 11 ] || fail 'good_seeds.csv has not a line for each loss and seed'
grep -q 'again/index.html' out || fail 'the page is not named'
grep -q "compare_losses good.csv --seeds 2 --epochs 5 --out &#39;a report&#39;\|compare_losses good.csv --seeds 2 --epochs 5 --out 'a report'" \
  'a report/index.html' || fail 'the page does not say how it was made'
for word in 'src=' 'http:' 'https:' '@import' 'url(' '<script'; do
  ! grep -qF "$word" again/index.html || fail "the page holds $word"
done
for text in '<!doctype html>' 'The selector names' 'Diagnostics' 'Stability: ' 'Validation: ' '</html>'; do
  grep -qF "$text" again/index.html || fail "the page lacks $text"
done
for left in .again* .a* .compare_losses*; do
  [ ! -e "$left" ] || fail "$left is left over"
done

# What the training rows do not tell says nothing, a number may be written in more than one way, a table that is made up needs no
# file, and an answer that cannot be written is an error.
table spike.csv x,z,y 'i "," (i == 7) "," i * i % 7 + 0.5'
"$program" spike.csv --seeds 6 --epochs 1e1 --out spike >out 2>error || fail "spike.csv: $(cat error)"
grep -q '^loss,seed,mean |error|$' spike/spike_seeds.csv || fail "a constant column counts: $(cat spike/spike_seeds.csv)"
mkdir temporary
TMPDIR=$PWD/temporary "$program" --generate imbalanced --seeds 1 --epochs 1 --hidden 010 >out 2>error || fail "imbalanced: $(cat error)"
rmdir temporary || fail 'the table that was made up is left'
if [ -e /dev/full ]; then
  status=0
  "$program" --help 2>error >/dev/full || status=$?
  [ $status = 2 ] && [ "$(cat error)" = 'compare_losses: cannot write to standard output' ] ||
    fail "a full disk: status $status, $(cat error)"
fi

"$program" --help >out 2>error || fail '--help has no status 0'
grep -q '^Examples:' out || fail '--help has no examples'

[ $failures = 0 ]
