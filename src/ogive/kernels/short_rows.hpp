// Rows too short to fill vectors, side by side: a lane to each row, by the algebra of
// float_rows.hpp. The result of a row depends on its own elements and their number alone.
#pragma once

class short_rows {
public:
  static constexpr std::ptrdiff_t longest = 64;
  alignas(64) double sum[lanes]; // of the powers, but for the label's
  alignas(64) double own[lanes]; // the label's power, or 0

  // Up to `lanes` rows; those missing repeat the first.
  void read(const char *from, std::ptrdiff_t outer, std::ptrdiff_t step, std::ptrdiff_t rows,
            std::ptrdiff_t n, bool negates) {
    n_ = n;
    rows_ = rows;
    std::ptrdiff_t c = 0;
    if (step == sizeof(float) && rows == lanes)
      for (; c + 4 <= n; c += 4)
        for (std::ptrdiff_t r = 0; r < lanes; r += 4)
          transpose(from + r * outer + c * step, outer, at(c, r), lanes * sizeof(float));
    for (std::ptrdiff_t r = 0; r < lanes; ++r) {
      const char *row = from + (r < rows ? r : 0) * outer;
      for (std::ptrdiff_t k = c; k < n; ++k)
        *reinterpret_cast<float *>(at(k, r)) = *reinterpret_cast<const float *>(row + k * step);
    }
    if (negates)
      for (std::ptrdiff_t k = 0; k < n; ++k) store(-load(x_ + k * lanes), x_ + k * lanes);
  }

  // Sums the powers. Bit r says whether row r is for these lanes: all its elements finite and
  // within e^60 of each other.
  OGIVE_INLINE unsigned prepare(const std::int32_t *labels) {
    using namespace rows_of_floats;
    floats most = load(x_), smallest = most;
    for (std::ptrdiff_t c = 1; c < n_; ++c) {
      const floats x = load(x_ + c * lanes);
      most = greatest(x, most);
      smallest = least(x, smallest);
    }
    const mask far = magnitude(most) >= all(reach);
    origin_ = floats(words(most) & words(far));
    const floats top = most - origin_;
    const floats shift = fma(top, quarters_of_log2_e / 4, float_shifter) - float_shifter;
    shifter_ = float_shifter - 4 * shift;
    const power_table table(1);
    const words label =
        labels == nullptr ? ~words{} : words(load(reinterpret_cast<const float *>(labels)));
    doubles high[2] = {}, low[2] = {};
    floats own_high = {}, own_low = {};
    for (std::ptrdiff_t begin = 0; begin < n_; begin += 8) {
      const std::ptrdiff_t end = n_ - begin < 8 ? n_ : begin + 8;
      floats some_low = {};
      for (std::ptrdiff_t c = begin; c < end; ++c) {
        const power_parts e = power_of(load(x_ + c * lanes) - origin_, shifter_, table);
        const floats scale = floats(e.exponent + 0x3f800000u);
        const mask is_own = label == static_cast<std::uint32_t>(c);
        const floats one = e.high * scale, rest = e.low * scale;
        own_high += floats(words(one) & words(is_own));
        own_low += floats(words(rest) & words(is_own));
        add_to(high, floats(words(one) & ~words(is_own)));
        some_low += floats(words(rest) & ~words(is_own));
      }
      add_to(low, some_low);
    }
    unsigned taken = 0;
    const floats spread = most - smallest;
    for (int k = 0; k < 2; ++k) {
      const doubles rest = high[k] + low[k], mine = half_of(own_high, k) + half_of(own_low, k);
      __builtin_memcpy(sum + k * (lanes / 2), &rest, sizeof rest);
      __builtin_memcpy(own + k * (lanes / 2), &mine, sizeof mine);
    }
    for (int r = 0; r < lanes; ++r)
      taken |= unsigned{spread[r] <= 60 && own[r] + sum[r] < infinity} << r;
    return taken & ((1u << rows_) - 1);
  }

  // Leaves factor e^(x - origin) 2^-shift, and in place of the label's what `instead` says.
  OGIVE_INLINE void powers(const double (&factor)[lanes], const std::int32_t *labels,
                           const float *instead) {
    using namespace rows_of_floats;
    alignas(64) float high[lanes], low[lanes];
    for (int r = 0; r < lanes; ++r) split(factor[r], high[r], low[r]);
    const floats f_high = load(high), f_low = load(low);
    const power_table table(1);
    for (std::ptrdiff_t c = 0; c < n_; ++c) {
      const power_parts e = power_of(load(x_ + c * lanes) - origin_, shifter_, table);
      const floats y = fma(e.high, f_high, fma(e.high, f_low, e.low * f_high));
      store(floats(words(y) + e.exponent), x_ + c * lanes);
    }
    if (labels != nullptr)
      for (std::ptrdiff_t r = 0; r < rows_; ++r)
        if (labels[r] >= 0) x_[labels[r] * lanes + r] = instead[r];
  }

  // The first position of each row's largest element.
  OGIVE_INLINE void find_likeliest(std::int32_t *labels) const {
    floats most = load(x_);
    words where = {};
    for (std::ptrdiff_t c = 1; c < n_; ++c) {
      const floats x = load(x_ + c * lanes);
      const words above = words(x > most);
      where = (where & ~above) | (above & static_cast<std::uint32_t>(c));
      most = greatest(x, most);
    }
    store(floats(where), reinterpret_cast<float *>(labels));
  }

  // Leaves (x - the label's x) - shift.
  OGIVE_INLINE void differences(const std::int32_t *labels, const double (&shift)[lanes]) {
    using namespace rows_of_floats;
    alignas(64) double origin[lanes];
    for (std::ptrdiff_t r = 0; r < lanes; ++r)
      origin[r] = static_cast<double>(x_[labels[r] * lanes + r]);
    doubles from[2], less[2];
    __builtin_memcpy(from, origin, sizeof from);
    __builtin_memcpy(less, shift, sizeof less);
    for (std::ptrdiff_t c = 0; c < n_; ++c) {
      const floats x = load(x_ + c * lanes);
      store(rounded((half_of(x, 0) - from[0]) - less[0], (half_of(x, 1) - from[1]) - less[1]),
            x_ + c * lanes);
    }
  }

  void write(unsigned taken, char *to, std::ptrdiff_t outer, std::ptrdiff_t step) {
    std::ptrdiff_t c = 0;
    if (step == sizeof(float) && taken == (1u << lanes) - 1)
      for (; c + 4 <= n_; c += 4)
        for (std::ptrdiff_t r = 0; r < lanes; r += 4)
          transpose(at(c, r), lanes * sizeof(float), to + r * outer + c * step, outer);
    for (std::ptrdiff_t r = 0; r < rows_; ++r)
      if (taken >> r & 1)
        for (std::ptrdiff_t k = c; k < n_; ++k)
          *reinterpret_cast<float *>(to + r * outer + k * step) = x_[k * lanes + r];
  }

private:
  alignas(64) float x_[longest * lanes]; // element c of row r at c lanes + r
  std::ptrdiff_t n_, rows_;
  floats origin_, shifter_;

  char *at(std::ptrdiff_t c, std::ptrdiff_t r) {
    return reinterpret_cast<char *>(x_ + c * lanes + r);
  }

  // Four by four floats.
  OGIVE_INLINE static void transpose(const char *from, std::ptrdiff_t step, char *to,
                                     std::ptrdiff_t to_step) {
    typedef float four __attribute__((vector_size(16)));
    typedef float packed __attribute__((vector_size(16), aligned(4), may_alias));
    typedef std::int32_t order __attribute__((vector_size(16)));
    const auto row = [&](int k) -> four {
      return *reinterpret_cast<const packed *>(from + k * step);
    };
    constexpr order low{0, 4, 1, 5}, high{2, 6, 3, 7}, first{0, 1, 4, 5}, second{2, 3, 6, 7};
    const four a = row(0), b = row(1), c = row(2), d = row(3);
    const four ab = __builtin_shuffle(a, b, low), cd = __builtin_shuffle(c, d, low);
    const four ab2 = __builtin_shuffle(a, b, high), cd2 = __builtin_shuffle(c, d, high);
    const four columns[4] = {__builtin_shuffle(ab, cd, first), __builtin_shuffle(ab, cd, second),
                             __builtin_shuffle(ab2, cd2, first),
                             __builtin_shuffle(ab2, cd2, second)};
    for (int k = 0; k < 4; ++k) *reinterpret_cast<packed *>(to + k * to_step) = columns[k];
  }
};
