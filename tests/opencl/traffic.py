#!/usr/bin/env python3
"""Prints the table of kernels in docs/opencl.md: what each kernel of a training step moves and computes, counted by
Oclgrind, and how many waves AMD's compiler leaves room for.

Usage: traffic.py CREAM [HEADERS]    a program with its module beside it; the folder with oclgrind/Plugin.h
                                     (Debian: liboclgrind-dev, llvm-14-dev, oclgrind, clang-15, libclc-15)

All counts are those of the source: no cache, and nothing that a compiler would leave out."""
import math, os, pathlib, re, shutil, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = "/usr/lib/clc/amdgcn--amdhsa.bc"
STEP = ["bench", "step", "--space", "micro", "--resolution", "32", "--batch", "2", "--work", "plain", "--rounds", "1",
        "--warmup", "0", "--device", "opencl"]


def count(cream, headers, work):
    plugin = work / "traffic.so"
    subprocess.run(["g++", "-std=c++17", "-O2", "-shared", "-fPIC", f"-I{headers}",
                    *subprocess.run(["llvm-config-14", "--cxxflags"], check=True, text=True,
                                    capture_output=True).stdout.split(),
                    "-fexceptions", "-fno-rtti", "-Wno-unused-parameter", str(HERE / "traffic.cpp"), "-o", str(plugin), "-l:liboclgrind-21.10.so",
                    "-L/usr/lib/llvm-14/lib", "-lLLVM-14"], check=True)
    (work / "vendors").mkdir()
    (work / "vendors" / "oclgrind.icd").write_text("/usr/lib/oclgrind/liboclgrind-rt-icd.so\n")
    environment = dict(os.environ, OCL_ICD_VENDORS=str(work / "vendors"), XDG_CACHE_HOME=str(work),
                       OCLGRIND_PLUGINS=str(plugin), OCLGRIND_NUM_THREADS="1", TRAFFIC_OUT=str(work / "counts"),
                       OCLGRIND_BUILD_OPTIONS="-cl-opt-disable -DINLINE=static", CREAM_OPENCL_KERNELS="gpu",
                       CREAM_OPENCL_PRODUCTS="own", CREAM_DEVICE_PROBE="0", OMP_NUM_THREADS="1")
    subprocess.run([cream, *STEP], check=True, env=environment, stdout=subprocess.DEVNULL)
    kernels = {}
    for line in (work / "counts").read_text().splitlines():
        name, *numbers = line.split()
        kernels[name] = [int(n) for n in numbers]
    return kernels


def compile_for(gpu, work):
    """Registers, local bytes and items of a group of each kernel."""
    kernels = {}
    before = [ROOT / "core/base/activation.h", ROOT / "core/base/optimiser.h", ROOT / "opencl/kernels/common.cl"]
    for file in sorted((ROOT / "opencl/kernels").glob("*.cl")):
        if file.name == "common.cl":
            continue
        source, assembly = work / file.name, work / (file.stem + ".s")
        source.write_text("".join(part.read_text() for part in [*before, file]))
        subprocess.run(["clang-15", "-target", "amdgcn--amdhsa", f"-mcpu={gpu}", "-nogpulib", "-x", "cl", "-cl-std=CL1.2",
                        "-D__OPENCL_VERSION__=120", "-O3", "-Xclang", "-finclude-default-header", "-Xclang",
                        "-mlink-builtin-bitcode", "-Xclang", LIBRARY, "-S", "-o", str(assembly), str(source)],
                       check=True, stderr=subprocess.DEVNULL)
        text = assembly.read_text()
        for part in re.split(r"\n  - \.a", text[text.find("amdhsa.kernels:"):])[1:]:
            values = dict(re.findall(r"\.(group_segment_fixed_size|name|vgpr_count|private_segment_fixed_size):\s+(\S+)",
                                     part))
            sizes = re.search(r"\.reqd_workgroup_size:\n((?:\s+- \d+\n)+)", part)
            items = math.prod(int(n) for n in re.findall(r"\d+", sizes.group(1))) if sizes else 64
            name = re.search(r"\.symbol:\s+(\S+)\.kd", part).group(1)
            kernels[name] = (int(values["vgpr_count"]), int(values["group_segment_fixed_size"]), items)
    return kernels


def local_bytes(name, fixed):
    """With what the host adds: the taps of 16 channels."""
    taps = re.fullmatch(r"depthwise_(?:forward|backward_data)_(\d)_\d", name)
    return fixed + (int(taps.group(1)) ** 2 * 16 * 4 if taps else 0)


def occupancy(name, use, wave):
    """Percent of the waves that a gfx906 (64 items) or gfx1030 (32 items) can hold: registers of a SIMD, local memory of a
    compute unit or, with 32 items, of a pair."""
    registers, fixed, items = use
    local = local_bytes(name, fixed)
    total, unit, most, memory = (256, 4, 10, 65536) if wave == 64 else (1024, 8, 16, 131072)
    waves = 4 * min(most, total // (max(1, math.ceil(registers / unit)) * unit))
    if local:
        waves = min(waves, memory // local * math.ceil(items / wave))
    return round(100 * waves / (4 * most))


def percent(part, whole):
    return f"{round(100 * part / whole)} %" if whole else "-"


def main():
    cream = str(pathlib.Path(sys.argv[1]).resolve())
    headers = sys.argv[2] if len(sys.argv) > 2 else "/usr/include"
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        counts = count(cream, headers, work)
        use = {wave: compile_for(gpu, work) for wave, gpu in ((64, "gfx906"), (32, "gfx1030"))}
    finally:
        shutil.rmtree(work)
    print("| kernel | launches | KB moved | of distinct KB | operations a byte | coalesced, 64 items and 32 | banks | registers | "
          "local bytes | waves of 64, of 32 |")
    print("|" + " --- |" * 10)
    for name, c in sorted(counts.items(), key=lambda entry: entry[1][3] - entry[1][2]):
        launches, operations, moved, distinct, seg64, few64, seg32, few32, cycles, few = c
        if name not in use[64]:
            continue
        print(f"| `{name}` | {launches} | {moved / 1e3:.1f} | {moved / max(distinct, 1):.1f} x | "
              f"{operations / max(distinct, 1):.1f} | {percent(few64, seg64)}, {percent(few32, seg32)} | "
              f"{percent(few, cycles)} | {use[64][name][0]}, {use[32][name][0]} | {local_bytes(name, use[64][name][1])} | "
              f"{occupancy(name, use[64][name], 64)} %, {occupancy(name, use[32][name], 32)} % |")


main()
