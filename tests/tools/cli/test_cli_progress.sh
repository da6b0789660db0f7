#!/usr/bin/env bash
# The progress display of a search: on terminals of several widths, resized while it runs, and without a terminal; and the
# table of its end.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"
export TERM=xterm LC_ALL=C.UTF-8
unset NO_COLOR COLUMNS LINES

# Enough steps that the search outlasts the sizes on a busy machine, where many pass before a frame is read.
options=("${small[@]}" --epochs 8 --batch 32 --set search.start_epoch=1 --set search.board.every=2 --set search.board.images=32
  --set search.board.size=4)

# frame SIZE: what the window first showed at that size, and what had left it. final: the same at the end.
frame() { awk -v size="== $1" '/^== /{ on = $0 == size && !seen; seen += on; next } on' typed >frame; }
final() { awk '/^== /{ text = ""; next } { text = text $0 "\n" } END { printf "%s", text }' typed >frame; }

"$root/tests/tools/terminal.py" 80x24,60x24,40x24,100x30 "$cream" search "${options[@]}" --out found >typed 2>err ||
  fail "search on a terminal: $(tail -n 3 err typed)"
for size in 80x24 60x24 40x24; do
  frame "$size"
  # In place: there is one display, and nothing has left the window.
  [ "$(head -n 1 frame)" = -- ] || fail "$size: lines in the scrollback: $(cat frame)"
  [ "$(grep -c 'step [0-9]*/[0-9]*' frame)" -eq 1 ] || fail "$size: more than one line of progress: $(cat frame)"
  [ "$(grep -c 'path$' frame)" -eq 1 ] || fail "$size: more than one board: $(cat frame)"
  contains frame '^search .*step [0-9]+/[0-9]+  ETA [0-9:]+$'
  contains frame '^loss [0-9.]+ .*top-1 [0-9.]+ %  [0-9]+ images/s$'
  contains frame '^> 1 +[0-9.]+ .*…$'
done
frame 80x24
contains frame '^search \[[#.]{20}\]  epoch [0-9]+/8  step'
frame 40x24
contains frame '^  # +top-1 %  FLOPs \(M\)  path$'
final
contains frame '^> [1-4] .* ds3 [k0-9e -]*e[0-9]$' # the whole path, also of the network that was chosen
[ "$(grep -c '^> ' frame)" -eq 1 ] || fail "the table marks more than one row: $(cat frame)"

# Without UTF-8, and with the width of COLUMNS; colour marks the chosen row too.
if command -v script >/dev/null; then
  LC_ALL=C COLUMNS=60 script -qec "$cream search ${options[*]} --epochs 1 --batch 64 --out narrow" typed >/dev/null \
    </dev/null || fail "search with COLUMNS"
  tr -d '\r' <typed >lines
  contains lines $'^\033\\[1;32m> [1-4] .{52}\\.\\.\\.\033\\[0m$'
  contains lines '^  [1-4] .{52}\.\.\.$'
fi

# No terminal: plain lines, the table whole and without marks.
expect 0 search "${options[@]}" --epochs 1 --batch 64 --out plain
contains err '^ #  top-1 %    loss  FLOPs \(M\)  params \(M\)     step  path$'
contains err '^ 1 +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9]+  ds3 '
lacks err $'\033|^>|…'
contains err '^select: entry 1  top-1 [0-9.]+ %  loss [0-9.]+  ds3 '

finish
