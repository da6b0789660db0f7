/* The normalisation of images, and the self-test. */

/* pixels [count] bytes, c channels together -> x = (pixel/255 - mean[c]) / deviation[c].  One item a value.
 */
__kernel void pixels_normalise(__global const uchar *pixels, const uint pixels_0, BUF(x), const int count,
                               const int c, const float4 mean, const float4 deviation) {
  AT(x);
  const int i = get_global_id(0);
  if (i >= count) return;
  const float means[4] = {mean.s0, mean.s1, mean.s2, mean.s3};
  const float deviations[4] = {deviation.s0, deviation.s1, deviation.s2, deviation.s3};
  const float value = ((float)pixels[pixels_0 + i] / 255.0f - means[i % c]) / deviations[i % c];
  x[i] = value;
}

/* sums[group] = sum of 256 values of x, by a halving tree. */
__attribute__((reqd_work_group_size(256, 1, 1))) __kernel void self_test(IN(x), BUF(sums), const int count) {
  AT(x);
  AT(sums);
  __local float part[256];
  const int l = get_local_id(0), i = get_global_id(0);
  part[l] = i < count ? x[i] : 0.0f;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int s = 128; s > 0; s >>= 1) {
    if (l < s) part[l] += part[l + s];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (l == 0) sums[GROUP] = part[0];
}
