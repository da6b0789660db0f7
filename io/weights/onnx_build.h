/* ONNX models under construction: what the exporters of networks share. */
#ifndef CREAM_IO_ONNX_BUILD_H
#define CREAM_IO_ONNX_BUILD_H

#include "core/net/net.h"
#include "onnx.h"
#include "onnx.pb-c.h"

enum {
  ONNX_NAME = 128,
  ONNX_MAX_INPUTS = 8,
  ONNX_MAX_ATTRIBUTES = 5,
  ONNX_ACT_NODES = 3, /* at most, of an activation */
};

typedef struct onnx_node {
  Onnx__NodeProto proto;
  char name[ONNX_NAME], *inputs[ONNX_MAX_INPUTS], *output;
  char second[ONNX_NAME], *outputs[2]; /* of a node with two outputs */
  Onnx__AttributeProto attributes[ONNX_MAX_ATTRIBUTES], *attribute_list[ONNX_MAX_ATTRIBUTES];
  int64_t ints[ONNX_MAX_ATTRIBUTES][4];
} onnx_node;

typedef struct onnx_initializer {
  Onnx__TensorProto proto;
  char name[ONNX_NAME];
  int64_t dims[4];
} onnx_initializer;

/* A model under construction. Its messages point into each other, so it must not be moved or copied. */
typedef struct onnx_model {
  onnx_node *nodes;
  Onnx__NodeProto **node_list;
  onnx_initializer *initializers;
  Onnx__TensorProto **initializer_list;
  Onnx__StringStringEntryProto *entries, **entry_list;
  int max_nodes, max_initializers;
  char *second_input; /* floats [batch, 2]; NULL: none */
  Onnx__GraphProto graph;
} onnx_model;

/* The names of the model's input and output. */
extern char onnx_input_name[], onnx_output_name[];

/* Room for so many nodes and initializers. In any case onnx_model_free has to be called. */
cream_status onnx_model_alloc(onnx_model *, int max_nodes, int max_initializers, cream_error *);
void onnx_model_free(onnx_model *);
/* Writes the model atomically: input "input" [batch, 3, side, side], output "logits" [batch, classes]. The last node
 * computes the logits. */
cream_status onnx_model_write(onnx_model *, const char *path, const cream_skeleton *,
                              const cream_pair *metadata, int n_metadata, cream_error *);

/* An output [batch, dims...], a value of the graph. */
typedef struct onnx_output {
  char *name;
  int n_dims, dims[3];
  bool integers; /* of 64 bits; else floats */
} onnx_output;
enum { ONNX_MAX_OUTPUTS = 4 };
/* The same with these outputs, which nodes of the graph compute. */
cream_status onnx_model_write_outputs(onnx_model *, const char *path, const cream_skeleton *,
                                      const onnx_output *, int n_outputs, const cream_pair *metadata,
                                      int n_metadata, cream_error *);

/* ---- nodes: a value has the name of the node that computes it -------------------------------------- */

/* Adds a node "BASE/LABEL", where BASE is the parameter's name without ".weight". */
onnx_node *onnx_add_node(onnx_model *, const char *op, const cream_param *base, const char *label);
/* Adds a node with this name, as a printf format. */
onnx_node *onnx_add_named(onnx_model *, const char *op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a node "INPUT/OP" with one input. */
onnx_node *onnx_add_after(onnx_model *, const char *op, char *input);
void onnx_add_input(onnx_node *, char *value);
/* A second output "NODE:LABEL"; the first one must not be renamed any more. Returns its name. */
char *onnx_add_output(onnx_node *, const char *label);
void onnx_add_int(onnx_node *, const char *name, int value);
void onnx_add_float(onnx_node *, const char *name, float value);
/* Adds a list of `count` equal values. */
void onnx_add_ints(onnx_node *, const char *name, int count, int value);
/* Adds the zeros above, to the left, below and to the right of an image. */
void onnx_add_pads(onnx_node *, int before, int after);
/* Adds an initializer of `bytes` bytes, which have to live as long as the model, and returns its name: NAME followed by
 * `suffix`. */
char *onnx_add_tensor(onnx_model *, const char *name, const char *suffix, Onnx__TensorProto__DataType,
                      int n_dims, const int *dims, const void *data, size_t bytes);

/* The initializer of that name; NULL: there is none. */
char *onnx_find_initializer(onnx_model *, const char *name);

/* Each takes the names of its inputs and returns that of its output. */
char *onnx_add_unary(onnx_model *, const char *op, const cream_param *base, char *x);
char *onnx_add_binary(onnx_model *, const char *op, const cream_param *base, const char *label, char *a,
                      char *b);
char *onnx_add_act(onnx_model *, cream_act, const cream_param *base, char *x);

#endif
