#include "identity.h"

#include <stdlib.h>
#include <string.h>

/* Of cl_khr_device_uuid, cl_khr_pci_bus_info, cl_nv_device_attribute_query and cl_amd_device_attribute_query, which
 * older headers lack. */
enum {
  DEVICE_UUID = 0x106A,
  PCI_BUS_INFO = 0x410F,
  NV_PCI_BUS = 0x4008,
  NV_PCI_SLOT = 0x4009,
  NV_PCI_DOMAIN = 0x400A,
  AMD_TOPOLOGY = 0x4037
};

typedef struct pci_bus_info {
  cl_uint domain, bus, device, function;
} pci_bus_info;

typedef union amd_topology {
  struct {
    cl_uint type, data[5];
  } raw;
  struct {
    cl_uint type;
    cl_char unused[17], bus, device, function;
  } pcie;
} amd_topology;

static bool has(const char *extensions, const char *name) {
  size_t length = strlen(name);
  for (const char *at = extensions; (at = strstr(at, name)); at += length)
    if ((at == extensions || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
  return false;
}

static bool get(cl_device_id device, cl_device_info what, void *value, size_t size) {
  return clGetDeviceInfo(device, what, size, value, NULL) == CL_SUCCESS;
}

static bool find_bus(cl_device_id device, const char *extensions, pci_bus_info *bus) {
  *bus = (pci_bus_info){0};
  if (has(extensions, "cl_khr_pci_bus_info") && get(device, PCI_BUS_INFO, bus, sizeof *bus)) return true;
  if (has(extensions, "cl_nv_device_attribute_query") &&
      get(device, NV_PCI_BUS, &bus->bus, sizeof bus->bus) &&
      get(device, NV_PCI_SLOT, &bus->device, sizeof bus->device)) {
    cl_uint domain;
    if (get(device, NV_PCI_DOMAIN, &domain, sizeof domain)) bus->domain = domain;
    bus->function = bus->device & 7; /* "slot" holds both */
    bus->device >>= 3;
    return true;
  }
  amd_topology topology = {0};
  if (!has(extensions, "cl_amd_device_attribute_query") ||
      !get(device, AMD_TOPOLOGY, &topology, sizeof topology) || topology.raw.type != 1)
    return false;
  *bus = (pci_bus_info){.bus = (cl_uchar)topology.pcie.bus,
                        .device = (cl_uchar)topology.pcie.device,
                        .function = (cl_uchar)topology.pcie.function};
  return true;
}

static void write_uuid(const cl_uchar bytes[16], char *text, size_t size) {
  size_t used = 0;
  for (int i = 0; i < 16; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%02x",
                             i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

void ocl_identify(cl_device_id device, cream_device *about) {
  size_t size = 0;
  if (clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, NULL, &size) != CL_SUCCESS || size == 0) return;
  char *extensions = calloc(1, size + 1);
  if (!extensions) return;
  if (get(device, CL_DEVICE_EXTENSIONS, extensions, size)) {
    pci_bus_info bus;
    if (find_bus(device, extensions, &bus))
      snprintf(about->bus, sizeof about->bus, "%04x:%02x:%02x.%x", bus.domain & 0xffff, bus.bus & 0xff,
               bus.device & 0xff, bus.function & 0xf);
    cl_uchar uuid[16];
    if (has(extensions, "cl_khr_device_uuid") && get(device, DEVICE_UUID, uuid, sizeof uuid))
      write_uuid(uuid, about->uuid, sizeof about->uuid);
  }
  free(extensions);
}
