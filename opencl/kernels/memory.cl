/* The normalisation of images, and the self-test. */

/* pixels [count] bytes, c channels together -> x = (pixel/255 - mean[c]) / deviation[c].  One item a value.
 */
FLAT void pixels_normalise(__global const uchar *pixels, const uint pixels_0, BUF(x), const int count,
                               const int c, const float4 mean, const float4 deviation) {
  AT(x);
  const int i = get_global_id(0);
  if (i >= count) return;
  const float means[4] = {mean.s0, mean.s1, mean.s2, mean.s3};
  const float deviations[4] = {deviation.s0, deviation.s1, deviation.s2, deviation.s3};
  const float value = ((float)pixels[pixels_0 + i] / 255.0f - means[i % c]) / deviations[i % c];
  x[i] = value;
}

/* sums[group] = sum of a value of x for each item. */
FLAT void self_test(IN(x), BUF(sums), const int count) {
  __local float space[ITEMS];
  AT(x);
  AT(sums);
  const int i = get_global_id(0);
  float sum = group_sum(space, i < count ? x[i] : 0.0f);
  if (get_local_id(0) == 0) sums[GROUP] = sum;
}
