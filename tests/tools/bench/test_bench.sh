#!/usr/bin/env bash
# The benchmarks run, and their JSON is complete and consistent; nothing here depends on time.
# shellcheck source=tests/tools/lib.sh
source "$(dirname "$0")/../lib.sh" "$1"

tiny=(--space "$space" --resolution 16 --batch 4 --threads 2 --rounds 2 --warmup 1 --seconds 0.01)

# check NAME EXPRESSION...: every Python expression on the document r in the file out holds.
check() {
  command -v python3 >/dev/null || return 0
  python3 - "$@" <<'PYTHON' || fail "$1"
import json, sys
r = json.load(open('out'))
for expression in sys.argv[2:]:
    if not eval('(' + expression + ')', {'r': r}):
        sys.exit('not so: ' + expression)
PYTHON
}

expect 0 bench --help
for word in step ops peaks scaling load cluster detect; do contains out "^  $word "; done
contains out 'Usage: cream bench SUBCOMMAND \[options\]'
expect 0 help bench
contains out 'Usage: cream bench SUBCOMMAND \[options\]'

refuse 2 'expected a subcommand' bench
refuse 2 'expected a subcommand' bench fast
refuse 2 'unexpected argument "stray"' bench step stray
refuse 2 '--nonsense' bench step --nonsense
refuse 2 '--work: got "hard".*plain' bench step --work hard
refuse 2 '--depths: got "1,x".*2,2,3' bench step --depths 1,x
refuse 2 '--rounds.*at least 1' bench step --rounds 0
refuse 2 '--rounds.*at least 0' bench detect --rounds -1
refuse 2 '--batch.*at least 1' bench step --batch 0
refuse 2 '--rounds.*at most' bench scaling --rounds 5000
refuse 2 'nosuchspace' bench step --space nosuchspace

refuse 2 '--plan needs the subcommand cluster' bench step --plan
refuse 2 '--parts: got "100000", expected .* 1 to 65536' bench cluster --plan --parts 100000

expect 0 bench peaks --threads 2 --seconds 0.01
contains out '^peaks: sgemm [0-9.]+ GFLOP/s.*, swish [0-9.]+ G/s; between threads [0-9]+ ns$'
expect 0 bench peaks --threads 2 --seconds 0.01 --json
check 'bench peaks --json' 'r["bench"] == "peaks"' 'min(r["peaks"].values()) > 0' '"handover_ns" in r["peaks"]' \
  'r["machine"]["threads"] == 2'

expect 0 bench step --arch cream-14 --resolution 32 --batch 2 --rounds 2 --warmup 0 --freeze backbone
contains out '^frozen, backbone: [0-9.]+ ms a step, [0-9.]+ MB$'
contains out '^ratio of the steps: [0-9.]+$'
refuse 2 '--freeze needs --arch' bench step "${tiny[@]}" --freeze backbone
refuse 2 'retrain.freeze: got "blocks.9"' bench step --arch cream-14 --freeze blocks.9
refuse 2 '--precision is of the CPU alone' bench step --arch cream-14 --precision bf16 --device opencl
refuse 2 'plain kernels have single precision' bench step --arch cream-14 --precision bf16 --plain
refuse 2 '--freeze measures the CPU' bench step --arch cream-14 --freeze stem --serve

expect 0 bench step "${tiny[@]}"
for word in plain: distill: match: eval: '1x1 backward' 'outside ops'; do contains out "^$word"; done
expect 0 bench step "${tiny[@]}" --json
# The operations of an evaluation are two for each MAC of the network; of a training step, six without the
# gradient that the images do not need.
flops='(lambda w: sum(o["gflops"] * o["ms"] for o in w["ops"] if o["op"] != "optimiser") * 1e6
        / (w["images"] * w["forward_macs"]))'
# Activations of depthwise convolutions: forward those of their inputs, in squeeze-excites those of their outputs, backward
# both. (Every layer of the space has a squeeze-excite, and every activation that a depthwise convolution reads is a swish.)
exponentials='(lambda w, name: sum(o["exponentials"] for o in w["ops"] if o["op"] == name))'
check 'bench step --json' \
  '[w["work"] for w in r["works"]] == ["plain", "distill", "match", "eval"]' \
  'r["batch"] == 4 and r["works"][2]["images"] == 40' \
  'all(abs(sum(o["share_of_step"] for o in w["ops"]) + w["share_outside_ops"] - 1) < 1e-9
       for w in r["works"])' \
  "abs($flops(r['works'][3]) - 2) < 1e-6" \
  "abs($flops(r['works'][2]) - 2) < 1e-3" \
  "5.7 < $flops(r['works'][0]) < 6" \
  'all(o["share_with_activations"] >= o["share_of_peak"] for w in r["works"] for o in w["ops"] + [w])' \
  "$exponentials(r['works'][0], 'depthwise backward') > 0" \
  "$exponentials(r['works'][0], 'depthwise backward') ==
   $exponentials(r['works'][0], 'depthwise forward') + $exponentials(r['works'][0], 'se forward')" \
  'any(o["op"] == "optimiser" for o in r["works"][0]["ops"])' \
  'not any("backward" in o["op"] for o in r["works"][3]["ops"])' \
  'all(o["calls"] == 1 for o in r["works"][2]["ops"] if o["op"] == "match")'

expect 0 bench ops "${tiny[@]}" --json
check 'bench ops --json' \
  '{(o["kernel"], o["stride"]) for o in r["ops"] if o["op"] == "depthwise forward"} >=
   {(k, s) for k in (3, 5) for s in (1, 2)}' \
  'all(o["ms"] > 0 and o["calls"] > 0 for o in r["ops"])'
expect 0 bench ops "${tiny[@]}"
contains out '^depthwise backward'

expect 0 bench scaling "${tiny[@]}" --json
check 'bench scaling --json' \
  '[t["work"] for t in r["threads_speedup"]] == ["plain", "distill", "eval"]' \
  '[p["batch"] for p in r["against_batch"]["points"]] == [1, 2, 3, 4]' \
  'len(r["against_macs"]["points"]) == 12' \
  '0 <= r["search"]["share_outside"] < 1 and r["search"]["steps"] == 2' \
  'len(r["match"]) == 2'
expect 0 bench scaling "${tiny[@]}" --rounds 1 --warmup 0
contains out '^search in micro'

expect 0 bench load "${tiny[@]}" --rounds 1 --work eval --neighbours 2 --json
check 'bench load --json' 'r["neighbours"] == 2 and [w["work"] for w in r["works"]] == ["eval"]' \
  'all(abs(w["ratio"] * w["alone_ms"] / w["beside_ms"] - 1) < 1e-9 and w["fair_share"] >= 1 for w in r["works"])'
expect 0 bench load "${tiny[@]}" --rounds 1 --work plain
contains out '^plain +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$'
refuse 2 '--neighbours.*at least 0' bench load --neighbours -1

expect 0 bench cluster "${tiny[@]}" --rounds 1 --plan --price 2 --parts 4 --part-images 8 --json
check 'bench cluster --json' \
  'r["ranks"] == 1 and r["parts"] == 2 and r["share_waited"] == 0 and r["step_ms"] > r["part_ms"] > 0' \
  'r["gradient_bytes"] > r["statistics_bytes"] > 0 and "exchange_ms" not in r' \
  'r["plan"]["steps"] == 120 * (1281167 // 32)' \
  '[(p["nodes"], p.get("gbits")) for p in r["plan"]["rows"]] ==
   [(1, None)] + [(n, g) for n in (2, 4) for g in (1, 10, 25, 100)]' \
  'all(abs(p["hours"] - p["step_ms"] * r["plan"]["steps"] / 3.6e6) < 1e-9 * p["hours"] and
       abs(p["cost"] - 2 * p["nodes"] * p["hours"]) < 1e-9 * p["cost"] and p["memory_gb"] > 0
       for p in r["plan"]["rows"])'

# Detectors: the costs of backbones with both heads, steps, and the plan of a training.
expect 0 bench detect --rounds 0 --json
check 'bench detect --json' \
  '[(p["backbone"], p["head"]) for p in r["rows"]] ==
   [(b, h) for b in ("cream-287", "cream-481", "cream-604", "efficientnet-b0", "mobilenet-v2") for h in ("retina", "lite")]' \
  'all(p["macs"] > p["backbone_macs"] > 1e9 and p["params"] > p["backbone_params"] > 1e6 for p in r["rows"])' \
  'all("training_ms" not in p for p in r["rows"])'
detector=(--arch cream-14 --resolution 64 --classes 2 --threads 1 --batch 2 --rounds 1 --warmup 0 --seconds 0.01)
expect 0 bench detect "${detector[@]}" --head lite
contains out '^cream-14 +lite +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$'
expect 0 bench step "${detector[@]}" --head lite --json
check 'bench step --head' '[w["work"] for w in r["works"]] == ["plain", "eval"]' \
  "abs($flops(r['works'][1]) - 2) < 0.2"
expect 0 bench cluster "${detector[@]}" --head lite --plan --epochs 12 --images 1000 --parts 4 --part-images 2 --json
check 'bench cluster --head' 'r["plan"]["steps"] == 12 * 125 and r["gradient_bytes"] > 3e6' \
  '[p["nodes"] for p in r["plan"]["rows"]] == [1, 2, 2, 2, 2, 4, 4, 4, 4] and r["plan"]["rows"][0]["memory_gb"] > 0'
refuse 2 '--head needs --arch' bench step --head lite
refuse 2 '--work: got distill, which needs a classifier' bench step "${detector[@]}" --head lite --work distill
refuse 2 '--plan is for a search.*or for a detector' bench cluster --arch cream-14 --plan
refuse 2 '--arch: got "cream-14,"' bench detect --arch cream-14, --rounds 0

# Steps on request.
serve() { "$cream" bench step --serve "${tiny[@]}" "$@" >out 2>err; }
path=0,1,2,3,3,2,1
printf 'step %s %s\nmemory\n' "$path" "$path" | serve --work distill --depths 2,2,3 ||
  fail 'bench step --serve'
[ "$(wc -l <out)" -eq 3 ] || fail 'bench step --serve: expected ready, seconds, memory'
contains out '^ready$'
contains out '^0\.[0-9]{9}$'
for line in "step 6,$path $path" "step $path,0 $path" 'step 0' go; do
  ! printf '%s\n' "$line" | serve --work plain --depths 2,2,3 || fail "bench step --serve: took \"$line\""
  [ "$(wc -l <err)" -eq 1 ] || fail "bench step --serve: expected one line of error for \"$line\""
done

finish
