/* Pending maps and pending gradients written out, sums of them, and patches of dense convolutions. */

/* out[pixel*pitch + ch]: channels from c to pitch become 0. */
CHUNKED void map_values(TENSOR(x), BUF(out), CHUNKS, const int pitch) {
  PLACE(at);
  AT(out);
  const tensor t = TENSOR_OF(x, c, area);
  map m = map_of(&t, at.ch, at.lanes);
  vec gate = gate_of(&t, at.image, at.ch, at.lanes);
  int lanes = min(V, pitch - at.ch);
  for (int p = at.first; p < at.end; p++) {
    vec value = gate * vact(t.act, m.scale * raw_at(&t, p, at.ch, at.lanes) + m.shift);
    store_lanes(value, out + (uint)p * pitch + at.ch, lanes);
  }
}

CHUNKED void map_gradients(TENSOR(y), GRAD(dy), BUF(out), CHUNKS, const int pitch) {
  PLACE(at);
  AT(out);
  const tensor t = TENSOR_OF(y, c, area);
  const grad d = GRAD_OF(dy);
  grad_map m = grad_map_of(&t, &d, at.image, at.ch, at.lanes);
  int lanes = min(V, pitch - at.ch);
  for (int p = at.first; p < at.end; p++)
    store_lanes(draw_by(&m, &t, &d, p, at.ch, at.lanes), out + (uint)p * pitch + at.ch, lanes);
}

CHUNKED void map_add(TENSOR(a), TENSOR(b), BUF(out), CHUNKS) {
  PLACE(at);
  AT(out);
  const tensor left = TENSOR_OF(a, c, area), right = TENSOR_OF(b, c, area);
  map m = map_of(&left, at.ch, at.lanes), n = map_of(&right, at.ch, at.lanes);
  vec gate = gate_of(&left, at.image, at.ch, at.lanes), other = gate_of(&right, at.image, at.ch, at.lanes);
  for (int p = at.first; p < at.end; p++) {
    vec x = gate * vact(left.act, m.scale * raw_at(&left, p, at.ch, at.lanes) + m.shift);
    vec y = other * vact(right.act, n.scale * raw_at(&right, p, at.ch, at.lanes) + n.shift);
    act_store(x + y, out, (uint)p * c + at.ch, HALVES(c, area), at.lanes);
  }
}

/* partial[chunk][2][c]: mean and sum of squares about it. */
CHUNKED void map_moments(IN(y), BUF(partial), CHUNKS) {
  PLACE(at);
  AT(y);
  AT(partial);
  moments m = moments_from(load_lanes(y + (uint)at.first * c + at.ch, at.lanes));
  for (int p = at.first; p < at.end; p++) moments_add(&m, load_lanes(y + (uint)p * c + at.ch, at.lanes));
  partial += (uint)at.chunk * 2 * c + at.ch;
  store_lanes(moments_mean(&m, at.end - at.first), partial, at.lanes);
  store_lanes(moments_squares(&m, at.end - at.first), partial + c, at.lanes);
}

/* d [pixel][c], the gradient of an input's values, to the sink. */
CHUNKED void map_sink(IN(d), SINK(s), CHUNKS) {
  PLACE(at);
  AT(d);
  const sink to = SINK_OF(s, c, area);
  sink_map m = sink_map_of(&to, at.image, at.ch, at.lanes);
  sink_sums sums = no_sums();
  for (int p = at.first; p < at.end; p++)
    sink_put(&to, &m, p, at.ch, at.lanes, load_lanes(d + (uint)p * c + at.ch, at.lanes), &sums);
  sink_finish(&to, at.chunk, at.ch, at.lanes, &sums);
}

/* partial[chunk][c] = factor * sum of the values. */
CHUNKED void map_pool(TENSOR(x), BUF(partial), CHUNKS, const float factor) {
  PLACE(at);
  AT(partial);
  const tensor t = TENSOR_OF(x, c, area);
  map m = map_of(&t, at.ch, at.lanes);
  vec gate = gate_of(&t, at.image, at.ch, at.lanes), sum = (vec)(0.0f);
  for (int p = at.first; p < at.end; p++)
    sum += vact(t.act, m.scale * raw_at(&t, p, at.ch, at.lanes) + m.shift);
  store_lanes(sum * gate * factor, partial + (uint)at.chunk * c + at.ch, at.lanes);
}

/* partial[chunk][2][c]: sums of dz = dout/area * act'(x), and of dz*xhat. */
CHUNKED void map_pool_gradient(TENSOR(x), IN(dout), IN(mean), IN(invstd), BUF(partial), CHUNKS) {
  PLACE(at);
  AT(dout);
  AT(mean);
  AT(invstd);
  AT(partial);
  const tensor t = TENSOR_OF(x, c, area);
  map m = map_of(&t, at.ch, at.lanes);
  vec pool = load_lanes(dout + (uint)at.image * c + at.ch, at.lanes) / (float)area;
  vec centre = load_lanes(mean + at.ch, at.lanes), width = load_lanes(invstd + at.ch, at.lanes);
  vec sum = (vec)(0.0f), sum_xhat = sum;
  for (int p = at.first; p < at.end; p++) {
    vec raw = raw_at(&t, p, at.ch, at.lanes);
    vec dz = pool * vact_slope(t.act, m.scale * raw + m.shift);
    sum += dz;
    sum_xhat += dz * ((raw - centre) * width);
  }
  partial += (uint)at.chunk * 2 * c + at.ch;
  store_lanes(sum, partial, at.lanes);
  store_lanes(sum_xhat, partial + c, at.lanes);
}

/* ---- dense convolutions as products of patches --------------------------------------------------------- */

/* out[output pixel][ci*taps + tap] = value of x there, 0 in the padding; an item writes one (pixel, tap). */
FLAT void map_patches(TENSOR(x), BUF(out), const int c, const int count, GEOMETRY) {
  int taps = kernel_size * kernel_size, i = (int)get_global_id(0);
  if (i >= count * taps) return;
  AT(out);
  const tensor t = TENSOR_OF(x, c, ih * iw);
  int p = i / taps, tap = i % taps, image = p / (oh * ow);
  int iy = p / ow % oh * stride - pad_h + tap / kernel_size * dilation;
  int ix = p % ow * stride - pad_w + tap % kernel_size * dilation;
  bool inside = iy >= 0 && iy < ih && ix >= 0 && ix < iw;
  int pixel = (image * ih + iy) * iw + ix;
  out += ((size_t)p * c) * taps + tap;
  for (int ch = 0; ch < c; ch += V) {
    int lanes = min(V, c - ch);
    float parts[V];
    vec_store(inside ? value_at(&t, pixel, ch, lanes) : (vec)(0.0f), 0, parts);
    for (int j = 0; j < lanes; j++) out[(ch + j) * taps] = parts[j];
  }
}

/* The gradient of x's values from that of its patches [output pixel][ci*taps + tap], gathered, to the sink.
 */
CHUNKED void map_patch_gradients(IN(patches), SINK(s), CHUNKS, GEOMETRY) {
  PLACE(at);
  AT(patches);
  const sink to = SINK_OF(s, c, area);
  sink_map m = sink_map_of(&to, at.image, at.ch, at.lanes);
  sink_sums sums = no_sums();
  int taps = kernel_size * kernel_size;
  for (int p = at.first; p < at.end; p++) {
    int iy = p / iw % ih, ix = p % iw;
    float parts[V];
    for (int j = 0; j < V; j++) parts[j] = 0.0f;
    for (int tap = 0; tap < taps; tap++) {
      int ty = iy + pad_h - tap / kernel_size * dilation, tx = ix + pad_w - tap % kernel_size * dilation;
      if (ty < 0 || tx < 0 || ty % stride || tx % stride || ty / stride >= oh || tx / stride >= ow) continue;
      size_t q = (size_t)((at.image * oh + ty / stride) * ow + tx / stride);
      for (int j = 0; j < at.lanes; j++) parts[j] += patches[(q * c + at.ch + j) * taps + tap];
    }
    sink_put(&to, &m, p, at.ch, at.lanes, vec_load(0, parts), &sums);
  }
  sink_finish(&to, at.chunk, at.ch, at.lanes, &sums);
}
