#include "chunks.h"

enum { CHUNK_PIXELS = 64 };

static int smaller(int a, int b) {
  return a < b ? a : b;
}

ocl_chunks ocl_chunks_of(const cream_tensor *t, int line) {
  int area = ocl_area(t), lines = line < CHUNK_PIXELS ? CHUNK_PIXELS / line : 1;
  ocl_chunks k = {.c = t->c, .area = area, .rows = smaller(lines * line, area)};
  k.parts = (area + k.rows - 1) / k.rows;
  k.chunks = t->n * k.parts;
  return k;
}

ocl_size ocl_chunk_items(const ocl_runtime *ocl) {
  return (ocl_size){(size_t)ocl->tiling.across, (size_t)ocl->tiling.along, 1};
}

ocl_size ocl_chunk_groups(const ocl_runtime *ocl, int c, int chunks) {
  ocl_size items = ocl_chunk_items(ocl);
  return (ocl_size){
      ocl_groups((size_t)c, items.x * (size_t)ocl_lanes(ocl)) * ocl_groups((size_t)chunks, items.y), 1, 1};
}
