/* The list of the report's sections. */
#ifndef CREAM_IO_REPORT_SECTION_LIST_H
#define CREAM_IO_REPORT_SECTION_LIST_H

/* The sections, in the order of the page: X(section, id of the element, heading). */
#define CREAM_REPORT_SECTION_LIST(X)                                                                         \
  X(summary, "summary", "Summary")                                                                           \
  X(network, "network", "The network")                                                                       \
  X(board, "board", "The board over time")                                                                   \
  X(pareto, "pareto", "Accuracy against FLOPs")                                                              \
  X(losses, "losses", "Losses")                                                                              \
  X(rate, "learning-rate", "Learning rate")                                                                  \
  X(matching, "matching", "Matching of teachers")                                                            \
  X(choices, "choices", "Choices by layer")                                                                  \
  X(convergence, "convergence", "Convergence with and without distillation")                                 \
  X(rank, "rank", "How well the supernet ranks its paths")                                                   \
  X(arms, "arms", "Arms of studies")                                                                         \
  X(retraining, "retraining", "Training from scratch")                                                       \
  X(detection, "detection", "Detection")                                                                     \
  X(classes, "classes", "Accuracy by class")                                                                 \
  X(resources, "resources", "Throughput, waiting, memory")                                                   \
  X(repeat, "repeat", "Repeating the runs")

enum {
#define CREAM_REPORT_SECTION_COUNT(section, id, heading) +1
  CREAM_REPORT_SECTIONS = CREAM_REPORT_SECTION_LIST(CREAM_REPORT_SECTION_COUNT)
#undef CREAM_REPORT_SECTION_COUNT
};

#endif
