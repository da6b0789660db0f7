#!/usr/bin/env bash
# Completion in bash, zsh and fish, and the manual pages: what shells offer, and what their checkers say. A shell or a
# checker that is not installed is named and left out.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

for shell in bash zsh fish; do
  "$cream" docs "$shell" >"$shell" || fail "cream docs $shell"
  "$cream" docs "$shell" --program=cream-nas >"$shell-nas" || fail "cream docs $shell --program"
  lacks "$shell-nas" '(^| )(complete|compdef|-c|function) _*cream( |$)'
  ! grep -qw _cream "$shell-nas" || fail "$shell: a function of cream-nas has the name of cream's"
done
touch some.list
mkdir somewhere
installed() { command -v "$1" >/dev/null || { echo "left out: $1 is not installed" && false; }; }

# offers WORD...: into the file `offered`, what the shell offers for the last of these words.
check_offers() {
  offers cream re
  contains offered '^retrain'
  lacks offered '^(search|docs)'
  offers cream latency ''
  contains offered '^check'
  offers cream search --ep
  [ "$(cut -f1 offered)" = --epochs ] || fail "$1 offers $(tr '\n' ' ' <offered)for cream search --ep"
  offers cream search --space mi
  contains offered '^micro'
  offers cream search --on-nan ''
  [ "$(cut -f1 offered | sort | tr '\n' ' ')" = "rollback stop " ] || fail "$1 offers $(tr '\n' ' ' <offered)for --on-nan"
  offers cream search --set search.board.s
  contains offered '^search.board.size='
  offers cream search --set rank.
  lacks offered '^rank.paths='
  offers cream rank --set rank.pat
  contains offered '^rank.paths='
  offers cream test --require to
  contains offered '^top1='
  lacks offered '^tau='
  offers cream rank --require ta
  contains offered '^tau.low='
  offers cream search --config some
  contains offered '^some.list'
  offers cream search --out some
  contains offered '^somewhere'
  lacks offered '^some.list'
  offers cream search --seed some
  lacks offered '^some'
  offers cream help sea
  contains offered '^search'
  offers cream help exit
  contains offered '^exit-codes'
  offers cream data pack --sho
  contains offered '^--shorter'
  offers cream detect ''
  contains offered '^data'
  contains offered '^eval'
  offers cream detect data sh
  contains offered '^sheet'
  lacks offered '^check'
  offers cream detect data sheet --aug
  contains offered '^--augment'
  offers cream detect eval --aug
  lacks offered '^--augment'
  offers cream data show --sho
  lacks offered '^--shorter'
}

# ---- bash ----------------------------------------------------------------------------------------------

offers() {
  bash -c 'source ./bash; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _cream 2>/dev/null; printf "%s\n" "${COMPREPLY[@]}"' \
    bash "$@" >offered
}
bash -n bash || fail "bash"
check_offers bash
offers cream search --space = mi # as bash divides --space=mi
contains offered '^micro$'
offers cream search --space =
contains offered '^micro$'

# ---- fish ----------------------------------------------------------------------------------------------

if installed fish; then
  export HOME=$work
  fish -n fish || fail "fish"
  offers() { # the file has the name of the command, so that fish finds no other one
    fish --no-config -c 'source ./fish; complete -C (string join -- " " (string escape -n -- $argv[1..-2]) $argv[-1])' "$@" >offered
  }
  check_offers fish
  offers cream search --space=mi
  contains offered 'micro'
fi

# ---- zsh -----------------------------------------------------------------------------------------------

# zsh completes at a prompt: the words are typed there, and what compadd is given goes to the file `hits`.
if installed zsh; then
  zsh -n zsh || fail "zsh"
  mkdir functions
  cp zsh functions/_cream
  cat >prompt.zsh <<'ZSH'
fpath=($PWD/functions $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
  local -a hits
  if [[ -n ${(M)@:#-[OAD]} ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >>hits
  builtin compadd "$@"
}
complete-and-leave() {
  zle complete-word
  print -r -- '<end>' >>hits
  zle kill-whole-line
}
zle -N complete-and-leave
bindkey '^I' complete-and-leave
print -n '<rea'; print 'dy>'
ZSH
  cat >type.zsh <<'ZSH'
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; cd ${(q)PWD}; source ./prompt.zsh"
zpty -r z line '*<ready>*'
while IFS= read -r words; do
  print -r -- "<line>$words" >>hits
  zpty -n -w z "$words"$'\t'
  for i in {1..500}; do [[ "$(tail -n 1 hits)" == '<end>' ]] && break; sleep 0.01; done
  zpty -rt z line
done
zpty -d z
ZSH
  offers() { printf '%s\n' "$*" >>typed; }
  (check_offers zsh >/dev/null 2>&1)
  timeout 60 zsh -f type.zsh <typed >/dev/null || fail "zsh: typing"
  offers() { awk -v line="<line>$*" '$0 == "<end>" {on = 0} on {print} $0 == line {on = 1}' hits >offered; }
  check_offers zsh
fi

# ---- manual pages --------------------------------------------------------------------------------------

"$cream" docs man --out pages || fail "cream docs man --out"
[ "$(find pages -name 'cream-*.1' | wc -l)" -eq "$("$cream" --help | grep -cE '^  [a-z]')" ] || fail "a page for each command"
if installed mandoc; then
  mandoc -Tlint -W warning pages/*.1 >lint 2>&1 || fail "mandoc: $(head -n 3 lint)"
fi
if installed groff; then
  for page in pages/*.1; do
    groff -man -ww -b -z "$page" >lint 2>&1
    [ ! -s lint ] || fail "groff: $page: $(head -n 2 lint)"
  done
fi
"$cream" docs man --program=cream-nas --out nas || fail "cream docs man --program"
exists nas/cream-nas.1 nas/cream-nas-search.1
contains nas/cream-nas-search.1 '^cream.-nas.-search .- train'
contains nas/cream-nas-search.1 '^.B cream.-nas search$'
contains nas/cream-nas.1 '^.BR cream.-nas.-search \(1\)$'
refuse 1 'some.list' docs man --out some.list

finish
