/* d_scores from d_pattern; shapes as in attend.c. */

void attend_backward(float *restrict d_scores, const float *restrict d_pattern,
                     const float *restrict pattern, const int *restrict a,
                     const int *restrict b) {
  double equals[HEADS] = {0}; /* a sum over all pairs */
  for (int k = 0; k < 2 * TOKENS * HEADS; k++) d_scores[k] = 0;
  for (int i = 0; i < PAIRS; i++) {
    float *of_a = d_scores + a[i] * HEADS, *of_b = d_scores + (TOKENS + b[i]) * HEADS;
    const float *g = d_pattern + i * 3 * HEADS, *share = pattern + i * 3 * HEADS;
    for (int h = 0; h < HEADS; h++) {
      float mean = 0;
      for (int k = h; k < 3 * HEADS; k += HEADS) mean += share[k] * g[k];
      of_a[h] += share[h] * (g[h] - mean);
      of_b[h] += share[HEADS + h] * (g[HEADS + h] - mean);
      equals[h] += share[2 * HEADS + h] * (g[2 * HEADS + h] - mean);
    }
  }
  for (int h = 0; h < HEADS; h++) d_scores[2 * TOKENS * HEADS + h] = equals[h];
}
