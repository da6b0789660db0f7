#!/usr/bin/env bash
# Installs into a folder of its own, builds docs/examples/search.c against what is there, with pkg-config and with
# CMake, and runs it; checks what the library exports and that each header stands alone, in C and C++.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

build=$(dirname "$cream")
grep -q '^CREAM_SANITIZE:STRING=.' "$build/CMakeCache.txt" && {
  echo "skipped: programs that link a library with sanitizers need them too"
  exit 77
}
prefix=$work/prefix
cmake --install "$build" --prefix "$work/second" >second.log 2>&1 & # at the same time
cmake --install "$build" --prefix "$prefix" >install.log 2>&1 || {
  tail install.log
  fail "cmake --install"
  finish
}
wait $! || fail "a second cmake --install: $(grep . second.log | tail -n 1)"
for folder in share include; do
  diff -r "$prefix/$folder" "$work/second/$folder" >differences || fail "two installations at once differ: $(head -n 1 differences)"
done
rm -rf "$work/second"
lib=$(dirname "$(find "$prefix" -name libcream.a)")
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib CMAKE_PREFIX_PATH=$prefix

exists "$prefix/bin/cream" "$lib/libcream.so" "$lib/libcream.a" "$prefix/share/cream/digits.csv.gz" \
  "$prefix/share/man/man1/cream.1" "$prefix/share/bash-completion/completions/cream" \
  "$prefix/share/zsh/site-functions/_cream" "$prefix/share/fish/vendor_completions.d/cream.fish" \
  "$prefix/share/doc/cream/docs/library.md"
readelf -d "$lib/libcream.so" | grep -q 'SONAME.*libcream.so.[0-9]' || fail "libcream.so has no SONAME"
if cc --version | grep -q 'Free Software Foundation' && readelf -d "$lib/libcream.so" | grep -q libgomp; then
  fail "libcream.so needs libgomp, whose threads spin for long (tools/lib/team.c)"
fi
[ "$("$prefix/bin/cream" --version)" = "cream $(pkg-config --modversion cream)" ] || fail "versions differ"

# What is exported is declared in the headers, and the other way round.
headers=$prefix/include/cream
grep -rhow 'cream_[a-z0-9_]*' "$headers" | sort -u >declared
nm -D --defined-only "$lib/libcream.so" | awk '{print $3}' | sort -u >shared
nm -g --defined-only "$lib/libcream.a" | awk 'NF == 3 {print $3}' | sort -u >static
[ "$(wc -l <shared)" -gt 100 ] || fail "libcream.so exports next to nothing"
same shared static
comm -23 shared declared >undeclared
[ ! -s undeclared ] || fail "exported, but not declared: $(tr '\n' ' ' <undeclared)"

for header in $(cd "$prefix/include" && find cream -name '*.h'); do
  for language in c c++; do
    echo "#include <$header>" | cc -x "$language" -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include" - ||
      fail "$header does not compile alone as $language"
  done
done

# check PROGRAM TOP1: runs the example in a folder of its own.
check() {
  mkdir "run-$1"
  (cd "run-$1" && "$work/$1") >out 2>err || {
    fail "the example built with $1: $(tail -n 1 err)"
    return
  }
  contains out '^found ds3 k.*, [34]\.[0-9]+ M FLOPs$'
  contains out "^top-1 $2\.[0-9] % on 360 test images\$"
  [ "$(grep -c '^label [0-9]: predicted [0-9]$' out)" -eq 8 ] || fail "the example classified no images"
  exists "run-$1/arch.json" "run-$1/weights.safetensors"
}

# shellcheck disable=SC2046
cc -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers -Werror "$root/docs/examples/search.c" -o by-pkg-config \
  $(pkg-config --cflags --libs cream) || fail "the example does not build with pkg-config"
check by-pkg-config '(9[0-9]|100)'
# shellcheck disable=SC2046
cc -std=gnu11 "$root/docs/examples/search.c" -o by-static -I"$prefix/include" "$lib/libcream.a" \
  $(pkg-config --static --libs cream | sed 's/-lcream //') || fail "the example does not build with libcream.a"

# The same library, and a shorter training.
mkdir project
sed 's/epochs: 2, batch: 64/epochs: 1, batch: 64/; s/epochs: 6/epochs: 1/' "$root/docs/examples/search.c" >project/search.c
! cmp -s "$root/docs/examples/search.c" project/search.c || fail "the example's epochs are others"
cat >project/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.20)
project(example C)
find_package(cream 0.2 REQUIRED)
add_executable(by-cmake search.c)
target_link_libraries(by-cmake PRIVATE cream::cream)
add_executable(by-cmake-static search.c)
target_link_libraries(by-cmake-static PRIVATE cream::static)
set_target_properties(by-cmake by-cmake-static PROPERTIES RUNTIME_OUTPUT_DIRECTORY $work)
END
(cmake -S project -B project/build && cmake --build project/build) >cmake.log 2>&1 || {
  tail cmake.log
  fail "the example does not build with CMake"
}
check by-cmake '[0-9]+'
for program in by-pkg-config by-cmake; do
  [ "$(ldd "$program" | awk '/libcream/ {print $3}')" -ef "$lib/libcream.so" ] || fail "$program runs another libcream.so"
done
if ldd by-cmake-static | grep -q libcream; then fail "cream::static links the shared library"; fi

# Every command has a page of the manual, with every option of its --help.
if command -v man >/dev/null; then
  for command in $("$cream" --help | awk '/^  [a-z]/ {print $1}'); do
    page=$prefix/share/man/man1/cream-$command.1
    man --warnings -E UTF-8 -l "$page" >manual 2>warnings || fail "man cannot show $page"
    [ ! -s warnings ] || fail "$page: $(head -n 1 warnings)"
    contains manual "^ +cream $command "
    "$cream" "$command" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--.*' | sort -u >helped
    grep -oE '^ +(-., )?--[a-z0-9-]+( |$)' manual | grep -oE -- '--[^ ]*' | sort -u >shown
    [ -s helped ] || fail "cream $command --help has no options"
    [ -z "$(comm -23 helped shown)" ] || fail "$page lacks $(comm -23 helped shown | tr '\n' ' ')"
  done
fi
finish
