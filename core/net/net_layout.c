#include "net_detect.h"

/* A bump allocator: `used` elements from `start`. Without a start it only counts. In inference the outputs of
 * convolutions lie in `regions` instead. */
typedef struct net_bump {
  cream_buf start;
  size_t used;
  const net_region *regions; /* NULL: tensors are allocated too */
  bool take_output;          /* with regions: a block's output is allocated */
} net_bump;

static cream_buf take(net_bump *memory, size_t count) {
  cream_buf buf = cream_buf_at(memory->start, memory->used);
  memory->used += net_aligned(count);
  return buf;
}

static size_t tensor_size(const cream_net *net, const cream_tensor *t) {
  return net->backend->tensor_size(net->backend, t->n, t->h, t->w, t->c);
}

cream_buf net_region_middle(const net_region *region, size_t count) {
  CREAM_ASSERT(count <= region->size);
  return cream_buf_at(region->start, (region->size - count) / 2 / NET_ALIGN * NET_ALIGN);
}

size_t net_gradient_size(const cream_net *net, const cream_tensor *t) {
  return net->backend->gradient_size(net->backend, t->n, t->h, t->w, t->c);
}

static cream_buf take_tensor(const cream_net *net, net_bump *memory, int region, const cream_tensor *t) {
  const size_t count = tensor_size(net, t);
  bool allocate = !memory->regions || (memory->take_output && region >= NET_REGION_OUT);
  return allocate ? take(memory, count) : net_region_middle(&memory->regions[region], count);
}

cream_conv net_conv_of(const cream_net *net, const net_block *block, const net_unit *unit) {
  cream_conv conv = net_conv_of_shape(&unit->shape);
  conv.weight = cream_buf_at(net->weights, unit->weight);
  bool train = cream_buf_present(net->gradients);
  cream_buf gradients = train ? cream_buf_at(net->gradients, block->g - block->w) : CREAM_NO_BUF;
  if (train) conv.dweight = cream_buf_at(gradients, unit->weight);
  if (net->folded && net->backend->pack_weights) conv.act = unit->shape.act;
  if (unit->packed_count) conv.packed = cream_buf_at(net->packed, unit->packed);
  if (!unit->has_bn && !unit->bare) {
    conv.bias = cream_buf_at(net->weights, unit->bias);
    if (train) conv.dbias = cream_buf_at(gradients, unit->bias);
  }
  return conv;
}

cream_bn net_bn_of(const cream_net *net, const net_block *block, const net_norm *at, int channels,
                   cream_buf memory) {
  const size_t step = net_aligned((size_t)channels);
  cream_bn bn = {.gamma = cream_buf_at(net->weights, at->gamma),
                 .beta = cream_buf_at(net->weights, at->beta),
                 .running_mean = cream_buf_at(net->statistics, at->running_mean),
                 .running_var = cream_buf_at(net->statistics, at->running_var),
                 .mean = memory,
                 .invstd = cream_buf_at(memory, step),
                 .scale = cream_buf_at(memory, 2 * step),
                 .shift = cream_buf_at(memory, 3 * step),
                 .a = cream_buf_at(memory, 4 * step),
                 .b = cream_buf_at(memory, 5 * step),
                 .c = cream_buf_at(memory, 6 * step),
                 .eps = net_bn_eps(net)};
  if (cream_buf_present(net->gradients)) {
    bn.dgamma = cream_buf_at(net->gradients, block->g + at->gamma - block->w);
    bn.dbeta = cream_buf_at(net->gradients, block->g + at->beta - block->w);
  }
  return bn;
}

static cream_se se_of(const cream_net *net, const net_block *block, const net_unit *unit, int n,
                      net_bump *memory) {
  int c = unit->shape.cout, r = unit->shape.se;
  size_t nc = (size_t)n * (size_t)c;
  cream_se se = {.c = c,
                 .r = r,
                 .act = unit->se_act,
                 .gate_act = unit->se_gate,
                 .w1 = cream_buf_at(net->weights, unit->se_w1),
                 .b1 = cream_buf_at(net->weights, unit->se_b1),
                 .w2 = cream_buf_at(net->weights, unit->se_w2),
                 .b2 = cream_buf_at(net->weights, unit->se_b2),
                 .pooled = take(memory, nc),
                 .hidden = take(memory, (size_t)n * (size_t)r),
                 .gate_z = take(memory, nc),
                 .gate = take(memory, nc)};
  if (cream_buf_present(net->gradients)) {
    cream_buf gradients = cream_buf_at(net->gradients, block->g - block->w);
    se.dw1 = cream_buf_at(gradients, unit->se_w1);
    se.db1 = cream_buf_at(gradients, unit->se_b1);
    se.dw2 = cream_buf_at(gradients, unit->se_w2);
    se.db2 = cream_buf_at(gradients, unit->se_b2);
  }
  return se;
}

static void lay_unit(const cream_net *net, const net_block *block, const net_unit *unit,
                     const cream_tensor *x, net_bump *memory, int region, net_record *record) {
  *record = (net_record){.unit = unit, .conv = net_conv_of(net, block, unit), .x = *x};
  cream_tensor *y = &record->y;
  *y = (cream_tensor){.n = x->n,
                      .h = cream_conv_out(&record->conv, x->h),
                      .w = cream_conv_out(&record->conv, x->w),
                      .c = unit->shape.cout,
                      .act = record->conv.act ? CREAM_ACT_NONE : unit->shape.act};
  y->raw = take_tensor(net, memory, region, y);
  if (unit->has_bn) {
    const int channels = unit->shape.cout;
    record->bn = net_bn_of(net, block, &unit->norm, channels, take(memory, net_vectors_size(channels)));
    y->scale = record->bn.scale;
    y->shift = record->bn.shift;
  }
  if (unit->shape.se) {
    record->se = se_of(net, block, unit, x->n, memory);
    y->gate = record->se.gate;
  }
}

/* Whether unit i's output is the block's; with a residual, the sum is. */
static bool is_output(const net_block *block, int i) {
  return i == block->n_units - 1 && !block->residual;
}

/* Lays a block with units. `out`: the region of its output (raw or materialised sum). */
static cream_tensor lay_block(const cream_net *net, const net_block *block, const cream_tensor *x,
                              bool drop_path, net_bump *memory, int out, net_record *records) {
  for (int i = 0; i < block->n_units; i++) {
    lay_unit(net, block, &block->units[i], i ? &records[i - 1].y : x, memory, is_output(block, i) ? out : i,
             &records[i]);
  }
  cream_tensor *last = &records[block->n_units - 1].y;
  if (!block->residual) return *last;
  if (drop_path) last->gate = take(memory, (size_t)last->n * (size_t)last->c);
  cream_tensor sum = {.n = last->n, .h = last->h, .w = last->w, .c = last->c};
  sum.raw = take_tensor(net, memory, out, &sum);
  return sum;
}

net_block_size net_block_measure(const cream_net *net, const net_block *block, int n, int side) {
  if (block->n_units == 0) return (net_block_size){.side_out = side};
  cream_tensor x = {.n = n, .h = side, .w = side, .c = block->units[0].shape.cin};
  net_bump train = {0};
  net_record records[CREAM_MAX_UNITS];
  cream_tensor y = lay_block(net, block, &x, net->options.drop_path > 0, &train, NET_REGION_OUT, records);
  net_block_size size = {.train = train.used, .out = net_aligned(tensor_size(net, &y)), .side_out = y.h};
  size.largest = net_gradient_size(net, &x);
  size.vectors = size.train - size.out;
  for (int i = 0; i < block->n_units; i++) {
    size.largest = net_max(size.largest, net_gradient_size(net, &records[i].y));
    if (is_output(block, i)) continue;
    size.units[i] = net_aligned(tensor_size(net, &records[i].y));
    size.vectors -= size.units[i];
  }
  return size;
}

static void lay_tail(const cream_net *net, net_tape *tape, const cream_tensor *x, net_bump *memory,
                     bool dropout) {
  const net_block *linear = &net->linear;
  tape->pooled = (cream_tensor){.n = x->n, .h = 1, .w = 1, .c = x->c};
  tape->pooled.raw = take_tensor(net, memory, 0, &tape->pooled);
  tape->features = -1;
  cream_tensor *before = &tape->pooled;
  if (linear->n_units == 2) {
    tape->features = tape->n_records++;
    lay_unit(net, linear, &linear->units[0], before, memory, 0, &tape->records[tape->features]);
    before = &tape->records[tape->features].y;
  }
  cream_buf gate = take(memory, net_elements(before));
  if (dropout) before->gate = gate;
  tape->classifier = tape->n_records++;
  net_record *classifier = &tape->records[tape->classifier];
  lay_unit(net, linear, &linear->units[linear->n_units - 1], before, memory, 0, classifier);
  tape->logits = classifier->y.raw;
}

size_t net_tail_size(cream_net *net, int n) {
  cream_tensor x = {.n = n, .h = 1, .w = 1, .c = net->skeleton.space.head.channels};
  net_bump memory = {0};
  net->infer_tape.n_records = 0;
  lay_tail(net, &net->infer_tape, &x, &memory, false);
  return memory.used;
}

/* The first step whose output outlives a training pass: the last frozen one that trained steps read, or the first
 * trained one. */
static int first_kept(const cream_net *net, const cream_path *path) {
  int step = net_first_trained(net);
  if (step == 0 || step == net_steps(net)) return step;
  do step--;
  while (net_block_at(net, path, step)->n_units == 0); /* the stem has units */
  return step;
}

/* The feature of a detector that step `step` gives; -1: none. Blocks without convolutions pass on what is before them. */
static int feature_of(const cream_net *net, const cream_path *path, int step) {
  for (int f = 0; net->tail && f < CREAM_DETECT_FEATURES; f++) {
    int from = net->tail->taps[f];
    while (from > 0 && net_block_at(net, path, from)->n_units == 0) from--;
    if (from == step) return f;
  }
  return -1;
}

/* Moves on to the part that holds the activations of a step. */
static void next_part(const cream_net *net, int step, int *part, net_bump *kept) {
  while (*part + 1 < net->n_parts && net->parts[*part + 1].first_step <= step) {
    CREAM_ASSERT(kept->used <= net->parts[*part].size);
    *kept = (net_bump){.start = net->parts[++*part].start};
  }
}

void net_layout(const cream_net *net, net_tape *tape, const cream_path *path, net_layout_kind kind,
                int first_step, const cream_tensor *input, net_drops drops) {
  bool train = kind == NET_LAYOUT_TRAIN;
  net_bump kept = {.start = net->n_parts ? net->parts[0].start : CREAM_NO_BUF};
  int part = 0;
  int out = NET_REGION_OUT, first_trained = net_first_trained(net), keep_from = first_kept(net, path);

  tape->path = *path;
  tape->n = input->n;
  tape->n_steps = net_steps(net);
  tape->n_records = 0;
  net_value value = {*input, -1};
  for (int i = first_step; i < tape->n_steps; i++) {
    net_step *step = &tape->steps[i];
    bool trained = train && i >= first_trained;
    next_part(net, i, &part, &kept);
    *step = (net_step){.block = net_block_at(net, path, i), .first = tape->n_records, .in = value};
    if (step->block->n_units > 0) {
      net_bump passing = {.start = net->infer_vectors[out - NET_REGION_OUT], .regions = net->regions};
      net_bump *memory = train && i >= keep_from ? &kept : &passing, tapped;
      const int feature = trained ? -1 : feature_of(net, path, i);
      if (feature >= 0) {
        tapped = (net_bump){.start = cream_buf_at(net->tail->features, net->tail->feature_at[feature]),
                            .regions = net->regions,
                            .take_output = true};
        memory = &tapped;
      }
      kept.regions = trained ? NULL : net->regions;
      kept.take_output = !trained;
      value.tensor = lay_block(net, step->block, &value.tensor, trained && drops.path, memory, out,
                               &tape->records[tape->n_records]);
      tape->n_records += step->block->n_units;
      value.producer = trained ? tape->n_records - 1 : -1;
      out = out == NET_REGION_OUT ? NET_REGION_OTHER_OUT : NET_REGION_OUT;
    }
    step->out = value;
  }
  net_bump tail = {.start = net->infer_tail};
  next_part(net, tape->n_steps, &part, &kept);
  kept.regions = NULL;
  if (net->tail) {
    tape->tail = train ? cream_buf_at(kept.start, kept.used) : net->infer_tail;
    if (train) kept.used += net->tail->train_size;
  } else {
    lay_tail(net, tape, &value.tensor, train ? &kept : &tail, drops.dropout);
  }
  CREAM_ASSERT(!train || kept.used <= net->parts[part].size);
}
