/* Classifies an image with a trained network: the folder of a retraining, or an architecture and a weights file.
 *   cc classify.c $(pkg-config --cflags --libs cream) -o classify
 *   ./classify runs/flowers photo.jpg
 *   ./classify arch.json weights.safetensors photo.jpg */
#include <cream/cream.h>

enum { TOP = 5 };

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: %s RUN IMAGE, or %s ARCH WEIGHTS IMAGE\n", argv[0], argv[0]);
    return CREAM_BAD_CONFIG;
  }
  cream_classifier_options options = {.run = argv[1]};
  if (argc == 4) options = (cream_classifier_options){.arch = argv[1], .weights = argv[2]};

  cream_error err;
  cream_classifier *classifier = NULL;
  cream_class top[TOP];
  int count = TOP;
  cream_status status = cream_classifier_open(&options, &classifier, &err);
  if (status == CREAM_OK) status = cream_classifier_run(classifier, argv[argc - 1], top, &count, &err);
  if (status == CREAM_OK)
    for (int i = 0; i < count; i++) printf("%d %s %.17g\n", top[i].label, top[i].name, top[i].probability);
  else
    fprintf(stderr, "%s\n", err.text);
  cream_classifier_close(classifier);
  return status;
}
