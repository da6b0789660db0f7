#!/usr/bin/env bash
# Help at every level, the pages that are made from the same tables, and wrong usage.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

# The commands of the list in the source, and those that --help lists: all but the hidden `docs` and `probe`.
sed -n 's/^  X(\([a-z]*\)).*/\1/p' "$root/tools/commands/commands.h" | grep -vE '^(docs|probe)$' | sort >listed
expect 0 --help
contains out '^Exit codes: 0 done, 1 failed, 2 wrong'
grep -oE '^  [a-z]+' out | tr -d ' ' | sort >helped
same listed helped
[ "$(wc -l <listed)" -eq 22 ] || fail "$(wc -l <listed) commands"
expect 2
contains err '^usage: cream COMMAND'
refuse 2 'unknown command "serch", did you mean `search`\?' serch
refuse 2 'did you mean `retrain`\?' help retain
refuse 2 'did you mean `help`\?' hepl

refuse 2 'unknown command "quux"; cream --help' quux
expect 0 --version
contains out '^cream [0-9]+\.[0-9]+\.[0-9]+$'

# ---- every option of every command is in the help, the manual page, the completion and docs/settings.md ----------

pages="man bash zsh fish settings"
for page in $pages; do
  expect 0 docs "$page"
  cp out "$page"
done
expect 0 docs man --out pages
same man pages/cream.1
refuse 2 'expected a subcommand: man, bash, zsh, fish or settings' docs
refuse 2 'unknown subcommand "html"' docs html
contains "$root/docs/settings.md" '^<!-- begin: cream docs settings -->$'

# options PAGE COMMAND: the options that the page has for the command.
options() {
  case $1 in
  man) sed -n 's/\\-/-/g; s/^\\fB\(-., \)\{0,1\}--\([a-z0-9-]*\)\\fR.*/\2/p' "pages/cream-$2.1" ;;
  bash) sed -n "/^  $2)\$/,/^    ;;/p" bash | sed -n "s/^.*options+\{0,1\}='\([^']*\)'.*/\1/p" | grep -oE -- '--[a-z0-9-]+' | sed 's/--//' ;;
  zsh) sed -n "/^  $2)\$/,/^    ;;/p" zsh | sed -n "s/^      '[(*]*\(-. \)\{0,1\}--\([a-z0-9-]*\).*/\2/p" ;;
  fish) sed -n "s/^complete -c cream -n '__cream_is $2[ '].* -l \([a-z0-9-]*\) .*/\1/p" fish ;;
  settings) sed -n "/^### cream $2\$/,/^##/p" settings | sed '1d' | sed -n '/^##/q; s/^| `--\([a-z0-9-]*\).*/\1/p' ;;
  help) "$cream" "$2" --help | sed -n 's/^  \(-., \)\{0,1\}--\([a-z0-9-]*\).*/\2/p' ;;
  esac | sort -u
}

while read -r command; do
  expect 0 "$command" --help
  contains out "Usage: cream $command .*\[options\]"
  contains out '^Exit codes: 0 done, 1 failed, 2 wrong'
  [ ! -s err ] || fail "cream $command --help wrote to stderr"
  cp out help
  expect 0 help "$command"
  head -c "$(wc -c <help)" out >begin # a topic of the same name may follow
  same begin help
  contains pages/cream.1 "^.BR cream.-$command \\(1\\)$"
  options help "$command" >expected
  grep -qx help expected || fail "cream $command --help does not list --help"
  for page in $pages; do
    options "$page" "$command" >got
    cmp -s expected got || fail "cream $command: options of --help and of docs $page: $(diff expected got | tr '\n' ' ')"
  done
  # Every option has a meaning, on its line or on the next one.
  awk '/^  (-., )?--/ && NF < 2 {getline; if (NF == 0 || /--/) exit 1}' help || fail "cream $command: an option without help"
  sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p' help >subcommands
  while read -r subcommand; do # of one word, or of two
    # shellcheck disable=SC2086
    expect 0 "$command" $subcommand --help
    contains out "Usage: cream $command $subcommand \[options\]"
    sed -n 's/^  \(-., \)\{0,1\}--\([a-z0-9-]*\).*/\2/p' out | sort >some
    [ -z "$(comm -23 some expected)" ] || fail "cream $command $subcommand: $(comm -23 some expected)"
    contains "pages/cream-$command.1" "$(printf '^.fB%s.fR$' "$subcommand" | sed 's/\.fB/\\\\fB/; s/\.fR/\\\\fR/')"
    contains settings "^- .$subcommand.: "
  done <subcommands
  refuse 2 '--nonsense.*cream '"$command"' --help' "$command" --nonsense
done <listed

for command in search retrain test profile settings version; do
  refuse 2 'unexpected argument "stray"' "$command" stray
done

# ---- cream help ----------------------------------------------------------------------------------------

expect 0 help
"$cream" --help >usage
same out usage
topics=$(sed -n 's/^Topics of cream help: \(.*\)\.$/\1/p' usage | tr -d ,)
[ "$(wc -w <<<"$topics")" -ge 10 ] || fail "topics of cream help: $topics"
for topic in $topics; do
  expect 0 help "$topic"
  [ "$(wc -l <out)" -ge 5 ] || fail "cream help $topic: $(wc -l <out) lines"
  [ "$(awk 'length > 112' out | grep -vc '^  [a-z_.-]\+ ')" -eq 0 ] || fail "cream help $topic: a line is long"
  contains pages/cream.1 "^.fB$(sed 's/-/.-/' <<<"$topic").fR$"
done
expect 0 help data
contains out '^The topic data: data sets and image formats$'
contains out '^  folder:PATH '
expect 0 help data pack
"$cream" data pack --help >pack
same out pack
expect 0 help detect data sheet
"$cream" detect data sheet --help >sheet
same out sheet
expect 0 help settings
contains out '^  search +[0-9]+ +.* search'
expect 0 help networks
contains out '^  cream-14 +1[34]\.[0-9] '
expect 0 help exit-codes
contains out '^ +130  stopped by a signal'
refuse 2 'cream data has no subcommand "pakc"; see cream help data' help data pakc
refuse 2 'unexpected argument "x" after the topic bars' help bars x
refuse 2 'no command or topic "quux"; cream help lists both' help quux
refuse 2 'did you mean `exit-codes`' help exit-code

# Every variable that the source reads is described, and no other.
expect 0 help environment
grep -rhoE '"CREAM_[A-Z_]+"' "$root"/{core,cpu,opencl,io,tools} --include='*.[ch]' --exclude=environment.h | tr -d '"' | sort -u >read
grep -oE 'CREAM_[A-Z_]+' out | sort -u >described
same read described

# ---- single options --------------------------------------------------------------------------------------

expect 0 predict --help
contains out 'Usage: cream predict \[options\] IMAGE\.\.\.'
contains out '--top=N .*default: 5'
expect 0 export --help
contains out 'Usage: cream export \[options\] onnx'
contains out '--out=FILE .*net\.onnx'
expect 0 data pack --help
contains out '--shorter=PIXELS .*default: 256'
lacks out '--side'
expect 0 data --help
contains out '--side=N +show, speed: '

expect 0 detect data sheet --help
contains out '--side=N .*default: 320'
expect 0 detect --help
contains out '--side=N +data sheet: '

expect 0 search --help
for option in config set data space flops epochs batch seed threads out time-budget json force; do
  contains out "^ +(-., )?--$option"
done
contains out '--flops=MIN:MAX .*millions'
contains out '--epochs=N .*default: 120'
contains out '--time-budget=MINUTES'
contains out 'meta\.every.*200'
lacks out 'retrain\.'
refuse 2 '--epochs.*missing argument' search --epochs
refuse 2 '^cream search: --epoch: unknown option, did you mean `--epochs`\?; see cream search --help' search --epoch 3
refuse 2 '--epoch=3: unknown option, did you mean `--epochs`' search --epoch=3
refuse 2 'did you mean `--epochs`' search -epochs 3
refuse 2 'did you mean `--json`' version --jsno
refuse 2 'did you mean `--set augment.flip=VALUE`' search --flip 0
refuse 2 'did you mean `--set search.teacher=VALUE`' search --search.teacher none
refuse 2 '--quux: unknown option; see' search --quux
refuse 2 'unknown subcommand "chek", did you mean `check`\? expected a subcommand' data chek
refuse 2 'expected KEY=VALUE' search --set epochs
# --help wins over what is wrong after it, and not over what is wrong before it.
expect 0 search --help --nonsense
refuse 2 '--nonsense' search --nonsense --help

expect 0 version
for line in '^cream ' '^compiler' '^CPU' '^OpenBLAS' '^threads'; do contains out "$line"; done
expect 0 version --json
python3 -m json.tool <out >/dev/null 2>&1 || ! command -v python3 >/dev/null || fail "version --json is not JSON"
contains out '"openblas_core"'
OMP_NUM_THREADS=1,4 expect 0 version --json
contains out '"threads": 1$'
refuse 2 '--threads: got "-1", expected a whole number from 0 to 1024' version --threads=-1
"$cream" version >unbound && OMP_PROC_BIND=true "$cream" version >bound || fail 'version with OMP_PROC_BIND'
cmp -s unbound bound || fail 'with OMP_PROC_BIND=true the program sees other processors'

finish
