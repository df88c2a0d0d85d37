// Runs every loop of one instruction set's op table, as its operand strings describe it, in every
// layout that NumPy may ask for, and demands of each what the plain contiguous call gave, bit for
// bit.
//
// Operands begin or end at a page without access. What surrounds them is poisoned for
// AddressSanitizer; it and the gaps between their elements must be unchanged afterwards. So
// overruns show in a build without sanitizers too: in vectorised loops, which sanitizers rule out,
// and in intrinsics, into which they do not look.
//
// Labels are of no class, options of any value: a kernel guards itself, and it ends.
//
//   loops [--quick] [--only FUNCTION] [--shard K/N] [--digests FILE]
//
// The digests of all results go to FILE: they are the same for every instruction set and build.
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "runtime/fp_environment.hpp"
#include "runtime/isa.hpp"
#include "runtime/table.hpp"

#if defined(OGIVE_SANITIZED)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace {

using ogive::entry;
using std::ptrdiff_t;
using words = std::vector<std::uint64_t>; // elements, as the bits of their format

constexpr int skipped = 77; // what CTest takes for "not on this machine"

struct number_format {
  const char *name;
  int size, exponent_bits, mantissa_bits;
  std::uint64_t sign() const { return std::uint64_t{1} << (exponent_bits + mantissa_bits); }
  std::uint64_t infinity() const {
    return ((std::uint64_t{1} << exponent_bits) - 1) << mantissa_bits;
  }
  std::uint64_t nan() const { return infinity() | std::uint64_t{1} << (mantissa_bits - 1); }
  // Which NaN comes out is not promised.
  std::uint64_t canonical(std::uint64_t bits) const {
    return (bits & ~sign()) > infinity() ? nan() : bits;
  }
};
constexpr number_format number_formats[ogive::formats] = {
    {"f16", 2, 5, 10}, {"bf16", 2, 8, 7}, {"f32", 4, 8, 23}, {"f64", 8, 11, 52}};
constexpr const number_format &f32 = number_formats[2], &f64 = number_formats[3];

struct operand {
  char letter;
  bool core, output;
  int size;
  const number_format *format; // null: not a floating-point number
};

std::vector<operand> parse(const char *text, const number_format &of_call) {
  std::vector<operand> operands;
  bool output = false;
  for (const char *c = text; *c; ++c) {
    if (*c == '-') {
      output = true;
      ++c;
    } else if (*c == '(') {
      if (c[1] != 'n' || c[2] != ')') break;
      operands.back().core = true;
      c += 2;
    } else if (*c != ' ') {
      operands.push_back({*c, false, output, 0, nullptr});
      operand &o = operands.back();
      switch (*c) {
      case 'T': o.format = &of_call; break;
      case 'f': o.format = &f32; break;
      case 'd': o.format = &f64; break;
      case 'l': o.size = 8; break;
      case '?': o.size = 1; break;
      case 'b': o.size = 1; break; // a byte, which is eight elements
      default: std::fprintf(stderr, "operands %s: what is %c?\n", text, *c); std::exit(2);
      }
      if (o.format) o.size = o.format->size;
    }
  }
  return operands;
}

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A number of ordinary size: 2^-7 to 2^4.
std::uint64_t ordinary(const number_format &f, std::uint64_t random) {
  const std::uint64_t bias = (std::uint64_t{1} << (f.exponent_bits - 1)) - 1;
  const std::uint64_t mantissa = (random >> 8) & ((std::uint64_t{1} << f.mantissa_bits) - 1);
  return (random & 1 ? f.sign() : 0) | (bias - 7 + (random >> 1) % 11) << f.mantissa_bits |
         mantissa;
}

// Zero, infinity, NaN, subnormal, smallest normal, largest, and numbers of any size.
std::uint64_t extreme(const number_format &f, std::uint64_t random) {
  const std::uint64_t normal = std::uint64_t{1} << f.mantissa_bits;
  const std::uint64_t of_old[] = {0,      f.infinity(), f.nan(),          1,
                                  normal, normal - 1,   f.infinity() - 1, mixed(random)};
  const std::uint64_t sign = random & 8 ? f.sign() : 0;
  return (of_old[random & 7] ^ sign) & (f.sign() | (f.sign() - 1));
}

// Element j of row i. Rows come in kinds; a row of its own makes each an elementwise operand.
std::uint64_t floating(const number_format &f, int kind, ptrdiff_t j, std::uint64_t random) {
  switch (kind) {
  case 0: return random & 0x300 ? ordinary(f, random >> 10) : extreme(f, random >> 10);
  case 1: return extreme(f, random);
  case 2: return f.sign() | f.infinity();
  case 3: return j == 3 ? f.infinity() : ordinary(f, random);
  case 4:
    return j == 2 ? ordinary(f, 0) + (std::uint64_t{12} << f.mantissa_bits) // 32: confident
                  : f.sign() | ordinary(f, random);
  case 5: return ordinary(f, 12345);
  default: return ordinary(f, random);
  }
}

std::uint64_t one(const number_format &f) {
  return ((std::uint64_t{1} << (f.exponent_bits - 1)) - 1) << f.mantissa_bits;
}

// A parameter or weight: mostly one that makes sense.
std::uint64_t parameter(const number_format &f, std::uint64_t random) {
  if (random % 16 == 0) return extreme(f, random >> 4);
  const std::uint64_t size = (one(f) - (random % 3 << f.mantissa_bits)) | (random & 0x100 ? 3 : 0);
  return random % 16 == 1 ? f.sign() | size : size;
}

// Mostly one of n classes. Else below all of them or beyond, by one or by as much as there is.
std::uint64_t label(ptrdiff_t n, std::uint64_t random) {
  const std::int64_t of_none[] = {-1,        -1,       -100, n, n + 1, n + (std::int64_t{1} << 32),
                                  INT64_MAX, INT64_MIN};
  const std::uint64_t kind = random >> 32 & 31;
  return kind < 8 ? static_cast<std::uint64_t>(of_none[kind])
                  : random % static_cast<std::uint64_t>(std::max<ptrdiff_t>(n, 1));
}

struct layout {
  ptrdiff_t outer, core; // bytes
  bool at_end;           // ends at the page without access, or begins at the one before
  int offset;            // elements between the data and that page
};

// Bytes between two pages without access.
class arena {
public:
  explicit arena(std::size_t bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    size_ = (bytes + page - 1) / page * page;
    void *const all =
        mmap(nullptr, size_ + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) std::abort();
    begin_ = static_cast<char *>(all) + page;
    mprotect(all, page, PROT_NONE);
    mprotect(begin_ + size_, page, PROT_NONE);
  }
  char *begin() const { return begin_; }
  char *end() const { return begin_ + size_; }

private:
  char *begin_;
  std::size_t size_;
};

// One operand in its arena: elements (i, j) at base + i outer + j core.
struct placed {
  char *base = nullptr, *low = nullptr, *high = nullptr; // [low, high): the elements and their gaps
  char *outside_low = nullptr, *outside_high = nullptr;  // and what else is watched around them
  ptrdiff_t rows = 0, columns = 0, outer = 0, core = 0;
  int size = 0;
  std::vector<char> before;

  static constexpr ptrdiff_t watched = 256;
  static constexpr char fill = 0x5a;

  placed() = default;
  placed(const arena &home, const operand &o, const layout &l, ptrdiff_t m, ptrdiff_t n)
      : rows(m), columns(o.core ? n : 1), outer(l.outer), core(o.core ? l.core : 0), size(o.size) {
    const bool any = rows > 0 && columns > 0;
    const ptrdiff_t down = (rows - 1) * outer, along = (columns - 1) * core;
    const ptrdiff_t least = any ? std::min<ptrdiff_t>(down, 0) + std::min<ptrdiff_t>(along, 0) : 0;
    const ptrdiff_t most =
        any ? std::max<ptrdiff_t>(down, 0) + std::max<ptrdiff_t>(along, 0) + size : 0;
    const ptrdiff_t space = l.offset * size;
    if (most - least + space + watched > home.end() - home.begin()) std::abort();
    base = l.at_end ? home.end() - space - most : home.begin() + space - least;
    low = base + least;
    high = base + most;
    outside_low = std::max(low - watched, home.begin());
    outside_high = std::min(high + watched, home.end());
    std::memset(outside_low, fill, static_cast<std::size_t>(outside_high - outside_low));
  }

  char *at(ptrdiff_t i, ptrdiff_t j) const { return base + i * outer + j * core; }

  void write(const words &values) {
    for (ptrdiff_t i = 0; i < rows; ++i)
      for (ptrdiff_t j = 0; j < columns; ++j)
        std::memcpy(at(i, j), &values[static_cast<std::size_t>(i * columns + j)],
                    static_cast<std::size_t>(size));
  }
  words read() const {
    words values(static_cast<std::size_t>(rows * columns));
    for (ptrdiff_t i = 0; i < rows; ++i)
      for (ptrdiff_t j = 0; j < columns; ++j)
        std::memcpy(&values[static_cast<std::size_t>(i * columns + j)], at(i, j),
                    static_cast<std::size_t>(size));
    return values;
  }

  void guard() {
    before.assign(outside_low, outside_high);
    ASAN_POISON_MEMORY_REGION(outside_low, low - outside_low);
    ASAN_POISON_MEMORY_REGION(high, outside_high - high);
  }
  void unguard() const { ASAN_UNPOISON_MEMORY_REGION(outside_low, outside_high - outside_low); }
  // Whether all but the elements of an output is as it was.
  bool kept(bool output) const {
    if (output)
      for (ptrdiff_t i = 0; i < rows; ++i)
        for (ptrdiff_t j = 0; j < columns; ++j) {
          char *const here = at(i, j);
          std::memcpy(here, before.data() + (here - outside_low), static_cast<std::size_t>(size));
        }
    return std::equal(before.begin(), before.end(), outside_low);
  }
};

// The same loop on the same values, whatever the layout.
struct problem {
  ogive::loop run;
  const std::vector<operand> &operands;
  ptrdiff_t rows, n;
  std::vector<words> inputs;
};

struct variation {
  std::string name;
  std::vector<layout> layouts;
  std::vector<int> place_of; // an output's: the input it overwrites, or itself
  std::vector<bool> absent;
  bool streaming = false;
};

long long calls = 0;
std::function<void()> under_way; // says which call this is

// Without a sanitizer an overrun ends here.
[[noreturn]] void on_fault(int signal) {
  under_way();
  std::fprintf(stderr, ": %s\n", strsignal(signal));
  std::_Exit(1);
}

// A call takes milliseconds: one that is still under way after this much processor time, however
// busy the machine is, does not end.
constexpr int patience = 5; // seconds
void on_tick(int signal) {
  static long long before = -1;
  if (calls == before) {
    std::fprintf(stderr, "does not end: ");
    on_fault(signal);
  }
  before = calls;
}

class checker {
public:
  checker(const entry &e, int mode, const number_format &f, ogive::loop run, bool quick)
      : e_(e),
        mode_(ogive::mode_names[mode]),
        format_(f),
        operands_(parse(e.operands[mode], f)),
        run_(run),
        quick_(quick),
        none_(operands_.size()) {
    for (const operand &o : operands_) {
      has_core_ |= o.core;
      has_bits_ |= o.letter == 'b';
      inputs_ += !o.output;
      options_ += !o.output && is_option(o);
    }
    while (arenas().size() < operands_.size()) arenas().emplace_back(std::size_t{1} << 19);
  }

  std::uint64_t check_all() {
    if (has_core_)
      check_rows();
    else
      check_elements();
    return digest_;
  }

private:
  static std::vector<arena> &arenas() {
    static std::vector<arena> all;
    return all;
  }

  // Every tail up to five vectors, and after a block of 128; around the sizes of larger blocks.
  std::vector<ptrdiff_t> lengths() const {
    if (quick_) return {0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 129, 257};
    std::vector<ptrdiff_t> all;
    for (ptrdiff_t n = 0; n <= 145; ++n)
      if (n <= 80 || n >= 127) all.push_back(n);
    all.insert(all.end(), {191, 192, 193, 255, 256, 257, 511, 512, 513, 1025});
    return all;
  }

  void check_elements() {
    const problem longest = make(lengths().back(), 1);
    const std::vector<words> all = plain(longest);
    for (const ptrdiff_t n : lengths()) {
      const problem p = make(n, 1);
      const std::vector<words> results = plain(p);
      for (std::size_t k = 0; k < results.size(); ++k) {
        // The last byte of bits may lack some.
        const bool bits = operands_[static_cast<std::size_t>(inputs_) + k].letter == 'b';
        if (!std::equal(results[k].begin(), results[k].end() - (bits && n % 8 != 0),
                        all[k].begin()))
          fail(p, "a prefix of more elements", static_cast<int>(k));
      }
      check_layouts(p, results);
    }
  }

  void check_rows() {
    for (const ptrdiff_t n : lengths())
      for (const ptrdiff_t rows : {1, 3, 0, 2, 8, 17, 33}) {
        // Short rows may be worked on side by side; of long ones three are as good as many.
        if (n > (rows <= 3 ? rows % 2 ? 2000 : 20 : quick_ ? 4 : 20)) continue;
        if (quick_ && (rows == 8 || rows == 33)) continue; // 17 is two vectors and one more
        const problem p = make(rows, n);
        const std::vector<words> results = plain(p);
        if (rows > 1) check_each_alone(p, results);
        check_layouts(p, results);
        // Kernels have ways of their own for calls that ask for nothing special.
        for (int off = 0; off <= options_ && p.rows > 1 && n > 0; ++off) {
          const problem q = make(rows, n, off);
          const std::vector<words> its = plain(q);
          digest(its);
          check_steps(q, its, none_, none_);
        }
      }
  }

  // A row's result does not depend on its neighbours.
  void check_each_alone(const problem &p, const std::vector<words> &together) {
    const auto row_of = [&](const words &values, std::size_t k, ptrdiff_t i) {
      const ptrdiff_t n = operands_[k].core ? p.n : 1;
      return words(values.begin() + i * n, values.begin() + (i + 1) * n);
    };
    for (ptrdiff_t i = 0; i < p.rows; ++i) {
      problem alone{run_, operands_, 1, p.n, {}};
      for (std::size_t k = 0; k < p.inputs.size(); ++k)
        alone.inputs.push_back(row_of(p.inputs[k], k, i));
      const std::vector<words> results = plain(alone);
      for (std::size_t k = 0; k < results.size(); ++k)
        if (results[k] != row_of(together[k], static_cast<std::size_t>(inputs_) + k, i))
          fail(p, "each row alone", static_cast<int>(k));
    }
  }

  // Of an operand; with packed bits a parameter is one number for all.
  ptrdiff_t rows_of(std::size_t k, ptrdiff_t rows) const {
    const char letter = operands_[k].letter;
    return letter == 'b' ? (rows + 7) / 8 : has_bits_ && letter == 'd' ? 1 : rows;
  }

  // With anything for options, weights, masks and labels; or, where `off` says how many of the
  // options are 0, the others are 1, weights are ordinary, nothing is masked, labels are classes.
  problem make(ptrdiff_t rows, ptrdiff_t n, int off = -1) const {
    problem p{run_, operands_, rows, n, {}};
    int option = 0; // how many came before
    for (std::size_t k = 0; k < static_cast<std::size_t>(inputs_); ++k) {
      const operand &o = operands_[k];
      words values;
      for (ptrdiff_t i = 0; i < rows_of(k, rows); ++i)
        for (ptrdiff_t j = 0; j < (o.core ? n : 1); ++j) {
          std::uint64_t seed = (k * 4096 + static_cast<std::uint64_t>(i)) * 8192;
          // Without rows elements are the same at every length, so that a prefix can be told.
          if (has_core_) seed += static_cast<std::uint64_t>(n) << 32;
          const std::uint64_t random = mixed(seed + static_cast<std::uint64_t>(j));
          const int kind = !has_core_ ? 0 : static_cast<int>((i + n) % 8);
          if (off >= 0 && is_option(o))
            values.push_back(option < off ? 0 : one(*o.format));
          else if (off >= 0 && is_target(k))
            values.push_back(j == (i + n) % n ? one(*o.format) : 0);
          else if (off >= 0 && o.letter != 'T')
            values.push_back(plainly(o, n, random));
          else
            values.push_back(anything(o, n, kind, j, random));
        }
      option += is_option(o);
      p.inputs.push_back(std::move(values));
    }
    return p;
  }
  std::uint64_t plainly(const operand &o, ptrdiff_t n, std::uint64_t random) const {
    if (o.letter == 'l') return mode_.starts_with("labels") ? random % std::uint64_t(n) : random;
    return o.format ? one(*o.format) + random % 4 : o.letter == '?' ? 1 : random & 0xff;
  }
  std::uint64_t anything(const operand &o, ptrdiff_t n, int kind, ptrdiff_t j,
                         std::uint64_t random) const {
    switch (o.letter) {
    case 'T': return floating(*o.format, kind, j, random);
    case 'l': return mode_.starts_with("labels") ? label(n, random) : random;
    case 'b': return random & 0xff;
    case '?': return kind != 5 && random % 4 != 0;
    default: return parameter(*o.format, random);
    }
  }
  // A number for each row, as temperatures are, and how gradients are scaled.
  static bool is_option(const operand &o) { return o.letter == 'd' && !o.core; }
  // What a label is where it is one of the probabilities.
  bool is_target(std::size_t k) const { return k == 1 && mode_.starts_with("probabilities"); }

  // Steps that go over all elements one after the other, `factor` elements apart.
  layout apart(const problem &p, std::size_t k, ptrdiff_t factor, ptrdiff_t row_gap = 0) const {
    const operand &o = operands_[k];
    const ptrdiff_t step = factor * o.size;
    return o.core ? layout{(p.n * factor + row_gap) * o.size, step, true, 0}
                  : layout{step, 0, true, 0};
  }

  variation base(const problem &p, const char *name) const {
    variation v{name, {}, {}, std::vector<bool>(operands_.size()), false};
    for (std::size_t k = 0; k < operands_.size(); ++k) {
      v.layouts.push_back(apart(p, k, 1));
      v.place_of.push_back(static_cast<int>(k));
    }
    return v;
  }

  std::vector<words> plain(const problem &p) { return call(p, base(p, "plain")); }

  void digest(const std::vector<words> &results) {
    for (const words &result : results)
      for (const std::uint64_t bits : result) digest_ = mixed(digest_ ^ bits);
  }

  void check_layouts(const problem &p, const std::vector<words> &expected) {
    digest(expected);
    check_steps(p, expected, none_, none_);

    if (has_bits_ || (has_core_ && p.rows == 1)) return;

    // Operands that repeat one element, or one row: on values that do.
    std::vector<bool> parameters(operands_.size()), cores(operands_.size()), all(operands_.size());
    for (std::size_t k = 0; k < p.inputs.size(); ++k) {
      all[k] = true;
      parameters[k] = operands_[k].letter != 'T';
      cores[k] = parameters[k] && operands_[k].core;
    }
    if (parameters != none_) check_repeated(p, parameters, parameters);
    if (cores != none_) check_repeated(p, parameters, none_);
    check_repeated(p, all, all);
    for (std::size_t k = 0; k < p.inputs.size(); ++k) {
      if (parameters[k]) continue;
      std::vector<bool> one = none_;
      one[k] = true;
      check_repeated(p, one, one);
      if (operands_[k].core) check_repeated(p, one, none_);
      if (operands_[k].core) check_repeated(p, none_, one);
    }
  }

  void check_repeated(const problem &p, const std::vector<bool> &rows,
                      const std::vector<bool> &elements) {
    problem q = p;
    const auto which = static_cast<ptrdiff_t>( // not always the first
        p.rows == 0 ? 0 : mixed(static_cast<std::uint64_t>(p.n + p.rows)) % std::uint64_t(p.rows));
    for (std::size_t k = 0; k < p.inputs.size(); ++k) {
      const ptrdiff_t columns = operands_[k].core ? p.n : 1;
      for (ptrdiff_t i = 0; i < p.rows; ++i)
        for (ptrdiff_t j = 0; j < columns; ++j)
          q.inputs[k][static_cast<std::size_t>(i * columns + j)] =
              p.inputs[k][static_cast<std::size_t>((rows[k] ? which : i) * columns +
                                                   (elements[k] ? 0 : j))];
    }
    check_steps(q, plain(q), rows, elements);
  }

  void check_steps(const problem &p, const std::vector<words> &expected,
                   const std::vector<bool> &rows_repeat, const std::vector<bool> &elements_repeat) {
    const auto every = [&](const char *name, auto &&of, bool streaming = false) {
      variation v = base(p, name);
      v.streaming = streaming;
      for (std::size_t k = 0; k < operands_.size(); ++k) {
        v.layouts[k] = of(k);
        if (rows_repeat[k]) v.layouts[k].outer = 0;
        if (elements_repeat[k]) v.layouts[k].core = 0;
      }
      return v;
    };
    const auto check = [&](const variation &v) { compare(p, call(p, v), expected, v); };
    const auto packed = [&](std::size_t k) { return apart(p, k, 1); };
    const auto off_by = [&](std::size_t k, int elements) {
      layout l = apart(p, k, 1);
      l.at_end = false;
      l.offset = elements;
      return l;
    };
    const auto repeats = [&](std::size_t k) { return rows_repeat[k] || elements_repeat[k]; };

    check(every("streaming", packed, true));
    check(every("off by one element", [&](std::size_t k) { return off_by(k, 1); }));
    check(every(
        "each at an offset of its own",
        [&](std::size_t k) { return off_by(k, static_cast<int>(k) + 2); }, true));
    if (has_bits_) { // all operands are contiguous; y may overwrite x, and dx dy or y
      const auto out = static_cast<std::size_t>(inputs_);
      for (std::size_t in = 0; in < out; ++in)
        for (const bool streaming : {false, true})
          if (operands_[in].letter == 'T') {
            variation v = every("in place", packed, streaming);
            v.place_of[out] = static_cast<int>(in);
            check(v);
          }
      return;
    }
    check(every("strided",
                [&](std::size_t k) { return apart(p, k, 2 + static_cast<ptrdiff_t>(k % 2), 1); }));
    check(every("inputs strided",
                [&](std::size_t k) { return apart(p, k, operands_[k].output ? 1 : 3); }));
    check(every(
        "outputs strided", [&](std::size_t k) { return apart(p, k, operands_[k].output ? 2 : 1); },
        true));
    check(every("reversed", [&](std::size_t k) { return apart(p, k, -1); }));
    check(every("some reversed",
                [&](std::size_t k) { return apart(p, k, k % 2 ? 1 : -2, k % 2 ? 0 : -3); }));
    if (has_core_) {
      check(every("transposed", [&](std::size_t k) {
        const operand &o = operands_[k];
        return o.core ? layout{o.size, p.rows * o.size, true, 0} : packed(k);
      }));
      check(every("rows apart", [&](std::size_t k) { return apart(p, k, 1, 5); }, true));
      check(every("rows reversed", [&](std::size_t k) {
        layout l = packed(k);
        l.outer = -l.outer;
        return l;
      }));
    }

    // In place. A ufunc may overwrite any operand of its format, element by element; where there
    // are rows, NumPy copies what overlaps, and heads let a gradient overwrite what has its shape.
    const auto fits = [&](std::size_t in, std::size_t out) {
      const operand &from = operands_[in], &to = operands_[out];
      const bool alike = has_core_ ? from.letter == 'T' && to.letter == 'T' && from.core == to.core
                                   : from.format != nullptr && from.format == to.format;
      return alike && !repeats(in);
    };
    const std::size_t first_output = static_cast<std::size_t>(inputs_);
    for (const ptrdiff_t factor : {1, -3}) {
      const auto step = [&](std::size_t k) { return apart(p, k, factor); };
      for (std::size_t out = first_output; out < operands_.size(); ++out)
        for (std::size_t in = 0; in < first_output; ++in) {
          if (!fits(in, out)) continue;
          variation v = every("in place", step, factor == 1);
          v.place_of[out] = static_cast<int>(in);
          check(v);
          for (std::size_t other = out + 1; other < operands_.size(); ++other)
            for (std::size_t its = 0; its < first_output; ++its)
              if (its != in && fits(its, other)) {
                variation two = v;
                two.place_of[other] = static_cast<int>(its);
                check(two);
              }
        }
    }

    // The gradient may be absent, or the Hessian: who asks for that asks for the gradient too.
    if (std::strcmp(e_.kind, "heads") == 0 && operands_.size() > first_output + 1) {
      variation v = every("without the last output", packed);
      v.absent.back() = true;
      check(v);
    }
  }

  std::vector<words> call(const problem &p, const variation &v) {
    std::vector<placed> places(operands_.size());
    std::vector<char *> args;
    std::vector<ptrdiff_t> steps, core_steps;
    for (std::size_t k = 0; k < operands_.size(); ++k) {
      const auto home = static_cast<std::size_t>(v.place_of[k]);
      if (home == k) {
        places[k] = placed(arenas()[k], operands_[k], v.layouts[k], rows_of(k, p.rows), p.n);
        if (k < p.inputs.size()) places[k].write(p.inputs[k]);
      }
      args.push_back(v.absent[k] ? nullptr : places[home].base);
      steps.push_back(v.layouts[home].outer);
      if (operands_[k].core) core_steps.push_back(v.layouts[home].core);
    }
    steps.insert(steps.end(), core_steps.begin(), core_steps.end());
    for (placed &place : places) place.guard();
    under_way = [&] { describe(p, v.name.c_str()); };
    const ogive::work todo{p.rows, has_core_ ? p.n : 1, v.streaming};
    bool good;
    {
      const ogive::fp_environment defaults;
      good = p.run(args.data(), todo, steps.data());
    }
    ++calls;
    for (const placed &place : places) place.unguard();
    if (!good) fail(p, v.name.c_str(), -1);

    std::vector<words> results;
    std::vector<bool> written(operands_.size());
    for (std::size_t k = static_cast<std::size_t>(inputs_); k < operands_.size(); ++k) {
      const auto home = static_cast<std::size_t>(v.place_of[k]);
      results.push_back(v.absent[k] ? words() : places[home].read());
      written[home] = !v.absent[k];
      if (operands_[k].format)
        for (std::uint64_t &bits : results.back()) bits = operands_[k].format->canonical(bits);
    }
    for (std::size_t k = 0; k < operands_.size(); ++k)
      if (!places[k].kept(written[k]))
        fail(p, (v.name + ", memory around").c_str(), static_cast<int>(k));
    return results;
  }

  void compare(const problem &p, const std::vector<words> &got, const std::vector<words> &expected,
               const variation &v) const {
    for (std::size_t k = 0; k < got.size(); ++k) {
      const std::size_t operand_index = static_cast<std::size_t>(inputs_) + k;
      if (v.absent[operand_index] || got[k] == expected[k]) continue;
      const auto where = std::mismatch(got[k].begin(), got[k].end(), expected[k].begin());
      std::fprintf(stderr, "element %td: %#llx instead of %#llx\n", where.first - got[k].begin(),
                   static_cast<unsigned long long>(*where.first),
                   static_cast<unsigned long long>(*where.second));
      fail(p, v.name.c_str(), static_cast<int>(operand_index));
    }
  }

  void describe(const problem &p, const char *what) const {
    std::fprintf(stderr, "%s.%s %s %s, %td x %td, %s", e_.name, mode_.c_str(), format_.name,
                 OGIVE_TEXT(OGIVE_ISA), p.rows, p.n, what);
  }
  [[noreturn]] void fail(const problem &p, const char *what, int operand_index) const {
    describe(p, what);
    std::fprintf(stderr, ": operand %d\n", operand_index);
    std::exit(1);
  }

  const entry &e_;
  const std::string mode_;
  const number_format &format_;
  const std::vector<operand> operands_;
  const ogive::loop run_;
  const bool quick_;
  bool has_core_ = false, has_bits_ = false;
  int inputs_ = 0, options_ = 0;
  const std::vector<bool> none_;
  std::uint64_t digest_ = 0;
};

bool runs_here() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const std::string isa = OGIVE_TEXT(OGIVE_ISA);
  if (isa == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == "avx512")
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
  return true;
}

} // namespace

int main(int count, char **arguments) {
  bool quick = false;
  int shard = 0, shards = 1;
  std::string only;
  std::FILE *digests = nullptr;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--quick")
      quick = true;
    else if (argument == "--only" && i + 1 < count)
      only = arguments[++i];
    else if (argument == "--shard" && i + 1 < count &&
             std::sscanf(arguments[i + 1], "%d/%d", &shard, &shards) == 2)
      ++i;
    else if (argument == "--digests" && i + 1 < count)
      digests = std::fopen(arguments[++i], "w");
    else
      return 2;
  }
  if (!runs_here()) return skipped;
#if defined(OGIVE_SANITIZED)
  __sanitizer_set_death_callback([] {
    under_way();
    std::fprintf(stderr, "\n");
  });
#else
  std::signal(SIGSEGV, on_fault);
  std::signal(SIGBUS, on_fault);
#endif
  std::signal(SIGVTALRM, on_tick);
  const itimerval ticks{{patience, 0}, {patience, 0}};
  setitimer(ITIMER_VIRTUAL, &ticks, nullptr);
  int loops = 0, met = 0;
  const ogive::table &table = ogive::OGIVE_JOIN(table_, OGIVE_ISA)();
  for (int i = 0; i < table.count; ++i) {
    const entry &e = *table.entries[i];
    if (!only.empty() && only != e.name) continue;
    for (int m = 0; m < ogive::modes; ++m)
      for (int f = 0; f < ogive::formats; ++f) {
        if (e.run[m][f] == nullptr || met++ % shards != shard % shards) continue;
        const auto digest = checker(e, m, number_formats[f], e.run[m][f], quick).check_all();
        if (digests)
          std::fprintf(digests, "%s.%s %s %016llx\n", e.name, ogive::mode_names[m],
                       number_formats[f].name, static_cast<unsigned long long>(digest));
        ++loops;
      }
  }
  if (digests && std::fclose(digests) != 0) return 2;
  std::printf("%s: %d functions, %d loops, %lld calls\n", table.isa, table.count, loops, calls);
  return loops > 0 ? 0 : 2;
}
