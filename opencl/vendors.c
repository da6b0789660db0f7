/* Which drivers there are follows the rules of ocl-icd (libOpenCL(7)), of which Khronos' loader knows the first:
 *
 *   $OCL_ICD_VENDORS is a folder: the .icd files in it; it is FILE.icd: this one; otherwise it is a library
 *   $OPENCL_VENDOR_PATH: a folder, in place of /etc/OpenCL/vendors
 *
 * The first line of an .icd file is the name of a library. */
#include "vendors.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hash.h"

extern char **environ;

enum { MAX_PATH = 1024, MAX_VENDORS = 32 };

static const char usual_folder[] = "/etc/OpenCL/vendors";

/* ---- the list ------------------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), n = strlen(end);
  return length >= n && strcmp(text + length - n, end) == 0;
}

static bool read_vendor(const char *path, cream_vendor *vendor) {
  *vendor = (cream_vendor){0};
  FILE *file = fopen(path, "r");
  if (!file) return false;
  bool read = fgets(vendor->library, sizeof vendor->library, file) != NULL;
  fclose(file);
  vendor->library[strcspn(vendor->library, "\r\n")] = '\0';
  const char *name = strrchr(path, '/');
  snprintf(vendor->file, sizeof vendor->file, "%.255s", name ? name + 1 : path);
  return read && vendor->library[0];
}

static int by_file(const void *a, const void *b) {
  return strcmp(((const cream_vendor *)a)->file, ((const cream_vendor *)b)->file);
}

static int read_folder(const char *folder, cream_vendor *vendors, int room) {
  DIR *dir = opendir(folder);
  const struct dirent *entry;
  int n = 0;
  while (dir && n < room && (entry = readdir(dir))) {
    char path[MAX_PATH];
    if (!ends_with(entry->d_name, ".icd")) continue;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path) continue;
    n += read_vendor(path, &vendors[n]);
  }
  if (dir) closedir(dir);
  qsort(vendors, (size_t)n, sizeof *vendors, by_file);
  return n;
}

/* A relative FILE.icd is looked for in the usual folder first. */
static int read_named(const char *name, cream_vendor *vendor) {
  char path[MAX_PATH];
  if (!ends_with(name, ".icd")) {
    *vendor = (cream_vendor){0};
    snprintf(vendor->file, sizeof vendor->file, "%.255s", name);
    snprintf(vendor->library, sizeof vendor->library, "%.511s", name);
    return 1;
  }
  snprintf(path, sizeof path, "%s/%s", usual_folder, name);
  if (!strchr(name, '/') && read_vendor(path, vendor)) return 1;
  return read_vendor(name, vendor);
}

static const char *set_path(const char *variable) {
  const char *text = getenv(variable);
  return text && *text ? text : NULL;
}

int ocl_vendors(cream_vendor *vendors, int room) {
  struct stat info;
  const char *given = set_path("OCL_ICD_VENDORS"), *folder = set_path("OPENCL_VENDOR_PATH");
  if (set_path("CREAM_OPENCL_FAULT")) return -1; /* faults are counted in one process */
  if (given && (stat(given, &info) != 0 || !S_ISDIR(info.st_mode))) return read_named(given, vendors);
  return read_folder(given ? given : folder ? folder : usual_folder, vendors, room);
}

/* ---- some of them -------------------------------------------------------------------------------------- */

static char temporary[MAX_PATH]; /* the folder, "": none */
static pid_t owner;

static void remove_temporary(void) {
  if (!temporary[0] || owner != getpid()) return;
  for (int i = 0; i < MAX_VENDORS; i++) {
    char path[MAX_PATH + 16];
    snprintf(path, sizeof path, "%s/%02d.icd", temporary, i);
    unlink(path);
  }
  rmdir(temporary);
  temporary[0] = '\0';
}

static bool make_temporary(void) {
  const char *parent = set_path("TMPDIR");
  static bool registered;
  snprintf(temporary, sizeof temporary, "%.900s/cream-opencl-XXXXXX", parent ? parent : "/tmp");
  owner = getpid();
  if (!registered) atexit(remove_temporary);
  registered = true;
  if (mkdtemp(temporary)) return true;
  temporary[0] = '\0';
  return false;
}

cream_status ocl_restrict_to(const cream_vendor *vendors, int count, cream_error *err) {
  remove_temporary();
  bool written = make_temporary();
  for (int i = 0; i < count && i < MAX_VENDORS && written; i++) {
    char path[MAX_PATH + 16];
    snprintf(path, sizeof path, "%s/%02d.icd", temporary, i);
    FILE *file = fopen(path, "w");
    written = file && fprintf(file, "%s\n", vendors[i].library) > 0;
    if (file && fclose(file)) written = false;
  }
  if (written && setenv("OCL_ICD_VENDORS", temporary, 1) == 0) return CREAM_OK;
  const char *reason = strerror(errno);
  remove_temporary();
  return cream_fail(err, CREAM_FAILED, "a temporary folder for OpenCL's drivers cannot be written: %s",
                    reason);
}

/* ---- the fingerprint ----------------------------------------------------------------------------------- */

static void mix(uint64_t *hash, const void *bytes, size_t size) {
  *hash = cream_fnv1a(*hash, bytes, size);
}

static void mix_text(uint64_t *hash, const char *text) {
  mix(hash, text, strlen(text) + 1);
}

/* A file's identity, size and times, without reading it. */
static void mix_file(uint64_t *hash, const char *path) {
  struct stat info;
  if (stat(path, &info)) return;
  mix_text(hash, path);
  mix(hash, &info.st_ino, sizeof info.st_ino);
  mix(hash, &info.st_size, sizeof info.st_size);
  mix(hash, &info.st_mtim.tv_sec, sizeof info.st_mtim.tv_sec);
  mix(hash, &info.st_mtim.tv_nsec, sizeof info.st_mtim.tv_nsec);
}

static void mix_content(uint64_t *hash, const char *path) {
  char text[512];
  FILE *file = fopen(path, "r");
  if (!file) return;
  size_t size = fread(text, 1, sizeof text, file);
  fclose(file);
  mix(hash, text, size);
}

/* Variables that the loader, drivers, and this backend read. */
static void mix_environment(uint64_t *hash) {
  static const char *const beginnings[] = {"OCL_",
                                           "OPENCL_",
                                           "LD_",
                                           "POCL_",
                                           "RUSTICL_",
                                           "MESA_",
                                           "GALLIUM_",
                                           "CUDA_",
                                           "GPU_",
                                           "HSA_",
                                           "ROCR_",
                                           "HIP_",
                                           "NEO",
                                           "ZE_",
                                           "CL_",
                                           "INTEL",
                                           "CREAM_OPENCL_MODULE",
                                           "CREAM_OPENCL_KERNELS",
                                           "CREAM_OPENCL_PRODUCTS",
                                           "CREAM_OPENCL_BLAS"};
  uint64_t sum = 0; /* of any order */
  for (char **at = environ; *at; at++)
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
      if (strncmp(*at, beginnings[i], strlen(beginnings[i])) == 0) {
        uint64_t one = CREAM_FNV1A_START;
        mix_text(&one, *at);
        sum += one;
        break;
      }
  mix(hash, &sum, sizeof sum);
}

/* Which devices' files the process may open. */
static void mix_rights(uint64_t *hash) {
  gid_t groups[256];
  uid_t user = geteuid();
  int n = getgroups(sizeof groups / sizeof *groups, groups);
  mix(hash, &user, sizeof user);
  if (n > 0) mix(hash, groups, (size_t)n * sizeof *groups);
}

uint64_t ocl_fingerprint(const char *module) {
  static const char *const files[] = {"/etc/ld.so.cache", "/dev/dri", "/dev/nvidiactl", "/dev/kfd",
                                      "/proc/self/exe"};
  uint64_t hash = CREAM_FNV1A_START;
  mix_content(&hash, "/proc/sys/kernel/random/boot_id");
  mix_content(&hash, "/proc/driver/nvidia/version");
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) mix_file(&hash, files[i]);
  mix_file(&hash, module);
  mix_environment(&hash);
  mix_rights(&hash);
  cream_vendor vendors[MAX_VENDORS];
  int n = ocl_vendors(vendors, MAX_VENDORS);
  for (int i = 0; i < n; i++) {
    mix_text(&hash, vendors[i].file);
    mix_text(&hash, vendors[i].library);
    mix_file(&hash, vendors[i].library);
  }
  return hash ? hash : 1;
}
