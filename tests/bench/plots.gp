# gnuplot -e "out='folder'" plots.gp: clients.svg and growth.svg of what summary.js wrote.
set terminal svg size 760,420 font 'DejaVu Sans,12' background 'white'
set grid
set key outside right

set output out.'/clients.svg'
set title 'CreateLead by clients'
set xlabel 'calls in flight'
set ylabel 'calls/s'
set y2label 'p99, ms'
set y2tics
set ytics nomirror
set logscale x 2
set yrange [0:*]
set y2range [0:*]
plot out.'/clients.dat' using 1:2 skip 1 with linespoints lw 2 pt 7 title 'calls/s', \
     '' using 1:3 skip 1 axes x1y2 with linespoints lw 2 pt 5 title 'p99'

set output out.'/growth.svg'
set title 'One call by the leads of the tenant'
set xlabel 'leads'
set ylabel 'p50, ms'
unset y2label
unset y2tics
set ytics mirror
set logscale x 10
set format x '10^{%L}'
plot for [i=2:5] out.'/growth.dat' using 1:i skip 1 with linespoints lw 2 pt 7 \
     title word('GetLead ListLeads GetKanban MoveLead', i - 1)
