/* Softmax, losses and matching: a work-group has a row, its items go along it, halving trees join them. */

/* The largest value of a row and its index, the first of equals. */
typedef struct peak {
  float value;
  int at;
} peak;

INLINE bool peak_before(float value, int at, float other, int other_at) {
  return value > other || (value == other && at < other_at);
}

INLINE peak group_peak(__local float *values, __local int *places, __global const float *row, int k) {
  int item = (int)get_local_id(0);
  peak best = {-INFINITY, k};
  for (int i = item; i < k; i += ITEMS)
    if (best.at == k || row[i] > best.value) {
      best.value = row[i];
      best.at = i;
    }
  values[item] = best.value;
  places[item] = best.at;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_way = ITEMS / 2; half_way > 0; half_way /= 2) {
    int other = item + half_way;
    if (item < half_way && peak_before(values[other], places[other], values[item], places[item])) {
      values[item] = values[other];
      places[item] = places[other];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  best.value = values[0];
  best.at = places[0];
  return best;
}

ROW void loss_softmax(IN(logits), BUF(out), const int k) {
  __local float space[ITEMS];
  __local int places[ITEMS];
  AT_ROW(logits, k);
  AT_ROW(out, k);
  int item = (int)get_local_id(0);
  float top = group_peak(space, places, logits, k).value, sum = 0.0f;
  for (int i = item; i < k; i += ITEMS) sum += exp(logits[i] - top);
  sum = group_sum(space, sum);
  for (int i = item; i < k; i += ITEMS) out[i] = exp(logits[i] - top) / sum;
}

/* dlogits [n,k] and, for each row, hard and soft cross entropy and whether the label has the largest logit: rows [n][3].
 */
ROW void loss_rows(IN(logits), IN(labels), IN(target), BUF(dlogits), BUF(rows), const int n, const int k,
                   const float hard, const float soft, const float smoothing) {
  __local float space[ITEMS];
  __local int places[ITEMS];
  AT_ROW(logits, k);
  AT_ROW(labels, 1);
  AT_ROW(rows, 3);
  if (target) AT_ROW(target, k);
  if (dlogits) AT_ROW(dlogits, k);
  int item = (int)get_local_id(0), label = *(__global const int *)labels;
  peak top = group_peak(space, places, logits, k);
  float sum = 0.0f, mass = 0.0f;
  for (int i = item; i < k; i += ITEMS) {
    sum += exp(logits[i] - top.value);
    if (target) mass += target[i];
  }
  sum = group_sum(space, sum);
  mass = group_sum(space, mass);
  float norm = log(sum), hard_sum = 0.0f, soft_sum = 0.0f;
  for (int i = item; i < k; i += ITEMS) {
    float log_p = logits[i] - top.value - norm, p = exp(log_p), t = target ? target[i] : 0.0f;
    float y = (i == label ? 1.0f - smoothing : 0.0f) + smoothing / (float)k;
    hard_sum -= y * log_p;
    soft_sum -= t * log_p;
    if (dlogits) dlogits[i] = (hard * (p - y) + soft * (mass * p - t)) / (float)n;
  }
  hard_sum = group_sum(space, hard_sum);
  soft_sum = group_sum(space, soft_sum);
  if (item > 0) return;
  rows[0] = hard_sum;
  rows[1] = soft_sum;
  rows[2] = top.at == label ? 1.0f : 0.0f;
}

/* result [4] of cream_backend.loss from rows [n][3]. */
ROW void loss_finish(IN(rows), BUF(result), const int n, const float hard, const float soft) {
  __local float space[ITEMS];
  AT(rows);
  AT(result);
  float hard_sum = 0.0f, soft_sum = 0.0f, correct = 0.0f;
  for (int i = (int)get_local_id(0); i < n; i += ITEMS) {
    hard_sum += rows[(size_t)i * 3];
    soft_sum += rows[(size_t)i * 3 + 1];
    correct += rows[(size_t)i * 3 + 2];
  }
  hard_sum = group_sum(space, hard_sum) / (float)n;
  soft_sum = group_sum(space, soft_sum) / (float)n;
  correct = group_sum(space, correct);
  if (get_local_id(0) > 0) return;
  result[0] = hard * hard_sum + soft * soft_sum;
  result[1] = hard_sum;
  result[2] = soft_sum;
  result[3] = correct;
}

/* diff [k][len] = p - phi, scores [k] = <theta, diff> + theta[len]. */
ROW void loss_match(IN(p), IN(phi), IN(theta), BUF(diff), BUF(scores), const int len) {
  __local float space[ITEMS];
  AT_ROW(p, len);
  AT_ROW(phi, len);
  AT(theta);
  AT_ROW(diff, len);
  AT_ROW(scores, 1);
  float sum = 0.0f;
  for (int i = (int)get_local_id(0); i < len; i += ITEMS) {
    float d = p[i] - phi[i];
    diff[i] = d;
    sum += theta[i] * d;
  }
  sum = group_sum(space, sum);
  if (get_local_id(0) == 0) *scores = sum + theta[len];
}
