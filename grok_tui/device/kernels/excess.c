/* The parts of the cross-entropy of each row of logits.

   Macros: PAIRS, ANSWERS, NEGLIGIBLE. logits: (PAIRS, ANSWERS); answer: (PAIRS), the correct
   ones; most: (PAIRS), the largest logit minus the correct one; s: (PAIRS), the sum over the
   wrong answers of exp(logit - correct one - most). Terms below exp(NEGLIGIBLE) are 0. */

void excess(float *restrict s, float *restrict most, float *restrict logits,
            const int *restrict answer) {
  float terms[WHOLE(ANSWERS) + LANES] = {0};
  for (int i = 0; i < PAIRS; i++) {
    float *row = logits + (long)i * ANSWERS, right = row[answer[i]], largest = right;
    if (ANSWERS >= LANES) {
      vec lanes = at(row);
      for (int j = LANES; j < WHOLE(ANSWERS); j += LANES) lanes = larger(lanes, at(row + j));
      for (int k = 0; k < LANES; k++) largest = lanes[k] > largest ? lanes[k] : largest;
    }
    for (int j = WHOLE(ANSWERS); j < ANSWERS; j++) largest = row[j] > largest ? row[j] : largest;
    most[i] = largest - right;
    for (int j = 0; j < ANSWERS; j++) {
      float x = (row[j] - right) - most[i];
      terms[j] = j == answer[i] || x < NEGLIGIBLE ? 0 : exp_of(x);
    }
    vec sum = {0};
    for (int j = 0; j < ANSWERS; j += LANES) sum += at(terms + j);
    s[i] = sum_of(sum);
  }
}
