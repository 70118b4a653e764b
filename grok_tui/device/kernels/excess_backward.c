/* d_logits from d_s, and s and most from the forward pass; shapes as in excess.c. */

void excess_backward(float *restrict d_logits, const float *restrict d_s,
                     const float *restrict s, const float *restrict most,
                     const float *restrict logits, const int *restrict answer) {
  for (int i = 0; i < PAIRS; i++) {
    const float *row = logits + (long)i * ANSWERS;
    float right = row[answer[i]], *out = d_logits + (long)i * ANSWERS;
    for (int j = 0; j < ANSWERS; j++) {
      float x = (row[j] - right) - most[i];
      out[j] = x < NEGLIGIBLE ? 0 : d_s[i] * exp_of(x);
    }
    out[answer[i]] = -d_s[i] * s[i];
  }
}
