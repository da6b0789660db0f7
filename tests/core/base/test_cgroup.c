/* Limits of control groups, from examples of /proc and /sys as containers and batch systems show them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/cgroup.h"

typedef struct file {
  const char *path, *text;
} file;

static bool read_example(void *self, const char *path, char *text, size_t size) {
  for (const file *f = self; f->path; f++)
    if (!strcmp(f->path, path)) {
      snprintf(text, size, "%s", f->text);
      return true;
    }
  return false;
}

#define EXAMPLE(...)                                                                                         \
  (file[]) {                                                                                                 \
    __VA_ARGS__, {                                                                                           \
      NULL, NULL                                                                                             \
    }                                                                                                        \
  }

static void check(file *files, size_t memory, int cpus) {
  assert_int_equal(cream_cgroup_memory(read_example, files), memory);
  assert_int_equal(cream_cgroup_cpus(read_example, files), cpus);
}

#define MOUNT_V2(root)                                                                                       \
  "30 23 0:26 " root " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

static void test_no_groups(void **state) {
  (void)state;
  check(EXAMPLE({"/proc/self/cgroup", ""}), SIZE_MAX, 0);
  check(EXAMPLE({"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", MOUNT_V2("/")}), SIZE_MAX, 0);
  check(EXAMPLE({"/proc/self/cgroup", "0::/a\n"}, {"/sys/fs/cgroup/a/memory.max", "max\n"},
                {"/sys/fs/cgroup/a/memory.current", "5\n"}, {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"}),
        SIZE_MAX, 0);
}

/* A container with a namespace of its own: its group is at the top of the mount. */
static void test_v2_container(void **state) {
  (void)state;
  check(EXAMPLE({"/proc/self/cgroup", "0::/\n"}, {"/proc/self/mountinfo", MOUNT_V2("/")},
                {"/sys/fs/cgroup/memory.max", "4000\n"}, {"/sys/fs/cgroup/memory.current", "3980\n"},
                {"/sys/fs/cgroup/memory.stat",
                 "anon 20\nfile 3960\ninactive_file 3900\nactive_file 50\nslab_reclaimable 5\n"},
                {"/sys/fs/cgroup/cpu.max", "150000 100000\n"}),
        3975, 2);
  /* the group of the host, seen in a container without a namespace */
  check(EXAMPLE({"/proc/self/cgroup", "0::/docker/abc\n"}, {"/proc/self/mountinfo", MOUNT_V2("/docker/abc")},
                {"/sys/fs/cgroup/memory.max", "4000\n"}, {"/sys/fs/cgroup/memory.current", "1000\n"},
                {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}),
        3000, 1);
  check(EXAMPLE({"/proc/self/cgroup", "0::/../../other\n"}, {"/proc/self/mountinfo", MOUNT_V2("/")},
                {"/sys/fs/cgroup/memory.max", "4000\n"}, {"/sys/fs/cgroup/memory.current", "5000\n"}),
        0, 0);
}

/* A job of Slurm: the limits are at several depths, and the least counts. */
static void test_v2_nested(void **state) {
  (void)state;
  static const char *const job = "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n";
#define SLURM "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7"
  check(EXAMPLE({"/proc/self/cgroup", job}, {"/proc/self/mountinfo", MOUNT_V2("/")},
                {SLURM "/step_0/user/task_0/memory.max", "max\n"},
                {SLURM "/step_0/user/task_0/memory.current", "10\n"}, {SLURM "/memory.max", "9000\n"},
                {SLURM "/memory.current", "2000\n"},
                {SLURM "/memory.stat", "inactive_file 400\nactive_file 100\n"},
                {"/sys/fs/cgroup/system.slice/memory.max", "8000\n"},
                {"/sys/fs/cgroup/system.slice/memory.current", "1000\n"},
                {SLURM "/step_0/cpu.max", "400000 100000\n"}, {SLURM "/cpu.max", "800000 100000\n"}),
        7000, 4);
}

#define MOUNTS_V1                                                                                            \
  "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"                                               \
  "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"            \
  "33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"                               \
  "35 31 0:32 / /mnt/c\\040g/memory rw,relatime - cgroup cgroup rw,memory\n"

static void test_v1(void **state) {
  (void)state;
  check(EXAMPLE({"/proc/self/cgroup",
                 "6:cpuset:/x\n5:cpu,cpuacct:/jobs/1\n4:memory:/jobs/1\n1:name=systemd:/jobs\n"},
                {"/proc/self/mountinfo", MOUNTS_V1},
                {"/mnt/c g/memory/memory.limit_in_bytes", "9223372036854771712\n"},
                {"/mnt/c g/memory/memory.usage_in_bytes", "77\n"},
                {"/mnt/c g/memory/jobs/1/memory.limit_in_bytes", "5000\n"},
                {"/mnt/c g/memory/jobs/1/memory.usage_in_bytes", "4000\n"},
                {"/mnt/c g/memory/jobs/1/memory.stat", "cache 1\ninactive_file 1\nhierarchical_memory_limit "
                                                       "4500\ntotal_inactive_file 1000\ntotal_active_file "
                                                       "200\n"},
                {"/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "300000\n"},
                {"/sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "100000\n"},
                {"/sys/fs/cgroup/cpu,cpuacct/jobs/1/cpu.cfs_quota_us", "-1\n"},
                {"/sys/fs/cgroup/cpu,cpuacct/jobs/1/cpu.cfs_period_us", "100000\n"},
                {"/sys/fs/cgroup/cpuset/x/cpu.cfs_quota_us", "100000\n"},
                {"/sys/fs/cgroup/cpuset/x/cpu.cfs_period_us", "100000\n"}),
        1700, 3);
}

/* Version 2 beside version 1, which has the controllers. */
static void test_hybrid(void **state) {
  (void)state;
  check(EXAMPLE({"/proc/self/cgroup", "4:memory:/m\n1:cpu:/c\n0::/u\n"},
                {"/proc/self/mountinfo",
                 "40 31 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" MOUNTS_V1
                 "50 31 0:38 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"},
                {"/mnt/c g/memory/m/memory.limit_in_bytes", "600\n"},
                {"/mnt/c g/memory/m/memory.usage_in_bytes", "100\n"},
                {"/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "100000\n"},
                {"/sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n"},
                {"/sys/fs/cgroup/unified/u/cpu.max", "max 100000\n"}),
        500, 1);
}

/* Without mountinfo, and with lines that are no mounts. */
static void test_other_text(void **state) {
  (void)state;
  check(EXAMPLE({"/proc/self/cgroup", "4:memory:/m\n"},
                {"/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "600\n"},
                {"/sys/fs/cgroup/memory/m/memory.usage_in_bytes", "100\n"}),
        500, 0);
  check(EXAMPLE({"/proc/self/cgroup", "::\n0:\nx\n\n:::/\n0::"},
                {"/proc/self/mountinfo",
                 "\n - \n1 2 3 4 5 6 - cgroup2\n1 2 3 / / rw - cgroup2 a b\n- - - - - - - - -"},
                {"/memory.max", "7"}, {"/memory.current", "x"}, {"/cpu.max", "5"}),
        SIZE_MAX, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_groups), cmocka_unit_test(test_v2_container),
      cmocka_unit_test(test_v2_nested), cmocka_unit_test(test_v1),
      cmocka_unit_test(test_hybrid),    cmocka_unit_test(test_other_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
