/* A plugin of Oclgrind (its plugins are C++): counts what each kernel reads, writes and computes, as its source says it,
 * without caches. Writes a line for each kernel to $TRAFFIC_OUT: name, launches, operations, bytes of global memory moved
 * and distinct bytes read and written among them, 64-byte segments that the accesses of 64 and of 32 neighbouring items need and the fewest
 * that could hold their bytes, and cycles of 32 banks of local memory for 32 items and the fewest.
 *
 * The accesses of one wave are those of its items to which the same instruction leads for the same time in a
 * work-group. Oclgrind has to run on one thread.
 */
#include <cstdlib>
#include <fstream>
#include <map>
#include <unordered_map>
#include <vector>

#include <llvm/IR/Function.h>
#include <llvm/IR/Instructions.h>

#include "oclgrind/Plugin.h"

#include "oclgrind/Context.h"
#include "oclgrind/Kernel.h"
#include "oclgrind/KernelInvocation.h"
#include "oclgrind/Memory.h"
#include "oclgrind/WorkGroup.h"
#include "oclgrind/WorkItem.h"

using namespace oclgrind;

namespace {

constexpr size_t segment = 64, banks = 32;

/* The counts of a kernel. */
struct counts {
  uint64_t launches = 0, operations = 0, moved = 0, distinct = 0;
  uint64_t segments[2] = {0, 0}, fewest_segments[2] = {0, 0}; /* of waves of 64, of 32 */
  uint64_t cycles = 0, fewest_cycles = 0;
};

struct access {
  size_t address, size;
};

/* An instruction that a wave has reached for the n-th time. */
struct wave_point {
  size_t wave, time;
  const llvm::Instruction *instruction;
  bool operator<(const wave_point &other) const {
    return std::tie(wave, time, instruction) < std::tie(other.wave, other.time, other.instruction);
  }
};

typedef std::map<wave_point, std::vector<access>> wave_accesses;

class Traffic : public Plugin {
public:
  Traffic(const Context *context) : Plugin(context) {}

  ~Traffic() {
    const char *name = getenv("TRAFFIC_OUT");
    std::ofstream out(name ? name : "traffic");
    for (const auto &entry : all) {
      const counts &c = entry.second;
      out << entry.first << ' ' << c.launches << ' ' << c.operations << ' ' << c.moved << ' ' << c.distinct << ' '
          << c.segments[0] << ' ' << c.fewest_segments[0] << ' ' << c.segments[1] << ' ' << c.fewest_segments[1]
          << ' ' << c.cycles << ' ' << c.fewest_cycles << '\n';
    }
  }

  bool isThreadSafe() const override { return false; }

  void kernelBegin(const KernelInvocation *invocation) override {
    now = &all[invocation->getKernel()->getName()];
    now->launches++;
    for (auto &bytes : touched) bytes.clear();
  }

  void kernelEnd(const KernelInvocation *) override {
    for (const auto &bytes : touched)
      for (const auto &entry : bytes) now->distinct += (uint64_t)__builtin_popcountll(entry.second);
  }

  void instructionExecuted(const WorkItem *, const llvm::Instruction *instruction,
                           const TypedValue &result) override {
    switch (instruction->getOpcode()) {
    case llvm::Instruction::FAdd:
    case llvm::Instruction::FSub:
    case llvm::Instruction::FMul:
    case llvm::Instruction::FDiv:
      now->operations += result.num;
      break;
    case llvm::Instruction::Call: {
      const llvm::Function *called = llvm::cast<llvm::CallInst>(instruction)->getCalledFunction();
      if (called && called->getName().startswith("llvm.fmuladd")) now->operations += 2 * result.num;
      break;
    }
    }
  }

  void memoryLoad(const Memory *memory, const WorkItem *item, size_t address, size_t size) override {
    note(memory, item, address, size, 0);
  }

  void memoryStore(const Memory *memory, const WorkItem *item, size_t address, size_t size,
                   const uint8_t *) override {
    note(memory, item, address, size, 1);
  }

  void workGroupComplete(const WorkGroup *) override {
    for (int width = 0; width < 2; width++)
      for (const auto &entry : global[width]) count_segments(entry.second, width);
    for (const auto &entry : local) count_banks(entry.second);
    global[0].clear();
    global[1].clear();
    local.clear();
    times.clear();
  }

private:
  std::map<std::string, counts> all;
  counts *now = nullptr;
  std::unordered_map<size_t, uint64_t> touched[2]; /* segments read and written by this launch, a bit for each byte */
  std::map<std::pair<size_t, const llvm::Instruction *>, size_t> times;
  wave_accesses global[2], local;

  void note(const Memory *memory, const WorkItem *item, size_t address, size_t size, int written) {
    unsigned space = memory->getAddressSpace();
    if (space != AddrSpaceGlobal && space != AddrSpaceLocal) return;
    const Size3 id = item->getLocalID(), of = item->getWorkGroup()->getGroupSize();
    size_t index = id.x + of.x * (id.y + of.y * id.z);
    const llvm::Instruction *instruction = item->getCurrentInstruction();
    size_t time = times[{index, instruction}]++;
    if (space == AddrSpaceLocal) {
      local[{index / 32, time, instruction}].push_back({address, size});
      return;
    }
    now->moved += size;
    for (size_t at = address; at < address + size; at++)
      touched[written][at / segment] |= (uint64_t)1 << at % segment;
    global[0][{index / 64, time, instruction}].push_back({address, size});
    global[1][{index / 32, time, instruction}].push_back({address, size});
  }

  void count_segments(const std::vector<access> &accesses, int width) {
    std::map<size_t, uint64_t> used;
    for (const access &a : accesses)
      for (size_t at = a.address; at < a.address + a.size; at++)
        used[at / segment] |= (uint64_t)1 << at % segment;
    size_t bytes = 0;
    for (const auto &entry : used) bytes += (size_t)__builtin_popcountll(entry.second);
    now->segments[width] += used.size();
    now->fewest_segments[width] += (bytes + segment - 1) / segment;
  }

  /* Items that read the same word share it. */
  void count_banks(const std::vector<access> &accesses) {
    std::map<size_t, bool> words;
    size_t of_bank[banks] = {0}, most = 0;
    for (const access &a : accesses)
      for (size_t at = a.address / 4; at < (a.address + a.size + 3) / 4; at++) words[at] = true;
    for (const auto &word : words) {
      size_t used = ++of_bank[word.first % banks];
      if (used > most) most = used;
    }
    now->cycles += most;
    now->fewest_cycles += (words.size() + banks - 1) / banks;
  }
};

Traffic *plugin;

} // namespace

extern "C" void initializePlugins(Context *context) {
  plugin = new Traffic(context);
  context->registerPlugin(plugin);
}

extern "C" void releasePlugins(Context *context) {
  context->unregisterPlugin(plugin);
  delete plugin;
}
