# SPDX-License-Identifier: MIT
# Draws what bench_compare_program --roofline measured:
#   gnuplot -e "data='roofline.csv'; picture='roofline.svg'" bench/roofline.gp

if (picture[strlen(picture) - 2:] eq "png") {
  set terminal pngcairo size 900, 540 font "DejaVu Sans,11"
} else {
  set terminal svg size 900, 540 dynamic background "white" font "DejaVu Sans,11"
}
set output picture
set datafile separator ","
set logscale x 2
set format x "2^{%L}"
set xrange [2 ** 10 : 2 ** 26]
set logscale y 10
set autoscale yfix
set xlabel "elements"
set ylabel "GB/s: inputs read once, gradient written once"
set key top right
set grid
set border 3
set xtics nomirror 4
set ytics nomirror (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
plot for [i = 2 : 3] data using 1:(column(i) / 1e9) with lines linewidth 2 dashtype 2 title columnheader(i), \
  for [i = 4 : 7] data using 1:(column(i) / 1e9) with linespoints linewidth 2 pointtype 7 pointsize 0.4 \
  title columnheader(i)
