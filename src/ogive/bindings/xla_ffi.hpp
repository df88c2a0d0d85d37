// XLA's foreign function interface (FFI), as far as Ogive needs it: the layout of its C structures
// at version 0.1, the oldest that JAX still loads. Later versions only append to them. Declared
// here so that neither JAX nor XLA is needed to build Ogive; the interface's own description is
// xla/ffi/api/c_api.h of the XLA project, and the comments below name what differs from it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ogive::xla {

constexpr int major_version = 0, minor_version = 1;

struct error;   // opaque
struct context; // opaque
struct future;  // opaque
struct byte_span {
  const char *text;
  std::size_t length;
};

struct extension {
  std::size_t struct_size;
  int type;
  extension *next;
};
constexpr int metadata_type = 1;

struct api_version {
  std::size_t struct_size;
  extension *extensions;
  int major, minor;
};
struct metadata {
  std::size_t struct_size;
  api_version version;
  std::uint32_t traits;
};
struct metadata_extension {
  extension base;
  metadata *of_handler;
};

// Kinds of elements, by XLA's numbers.
enum class element : int {
  boolean = 1,
  s8 = 2,
  s16 = 3,
  s32 = 4,
  s64 = 5,
  u8 = 6,
  u16 = 7,
  u32 = 8,
  u64 = 9,
  f16 = 10,
  f32 = 11,
  f64 = 12,
  bf16 = 16,
};

struct buffer {
  std::size_t struct_size;
  extension *extensions;
  element type;
  void *data;
  std::int64_t rank;
  std::int64_t *lengths;

  std::int64_t size() const {
    std::int64_t n = 1;
    for (std::int64_t axis = 0; axis < rank; ++axis) n *= lengths[axis];
    return n;
  }
};

// Operands or results.
struct buffers {
  std::size_t struct_size;
  extension *extensions;
  std::int64_t count;
  int *kinds; // all of them buffers
  void **items;
  const buffer &operator[](std::int64_t k) const { return *static_cast<buffer *>(items[k]); }
};

enum class attribute : int { array = 1, dictionary = 2, scalar = 3, string = 4 };
struct attribute_array {
  element type;
  std::size_t count;
  void *data;
};
struct attributes {
  std::size_t struct_size;
  extension *extensions;
  std::int64_t count;
  attribute *kinds;
  byte_span **names;
  void **items;
};

struct error_arguments {
  std::size_t struct_size;
  extension *extensions;
  const char *message;
  int code;
};
constexpr int invalid_argument = 3, resource_exhausted = 8;

struct schedule_arguments {
  std::size_t struct_size;
  extension *extensions;
  context *of_call;
  void (*task)(void *data);
  void *data;
};
struct thread_count_arguments {
  std::size_t struct_size;
  extension *extensions;
  context *of_call;
  std::int64_t *count;
};

// XLA's functions, in their order; those that are not called stand as plain pointers.
struct functions {
  std::size_t struct_size;
  extension *extensions;
  api_version version;
  const void *internal;
  error *(*create_error)(error_arguments *);
  void *error_message;
  void (*destroy_error)(void *);
  void *others[8]; // handlers, streams, types, contexts, states, device memory
  error *(*schedule)(schedule_arguments *);
  error *(*thread_count)(thread_count_arguments *);
};

enum class stage : int { instantiate, prepare, initialize, execute };
struct call_frame {
  std::size_t struct_size;
  extension *extensions;
  const functions *api;
  context *of_call;
  stage at;
  buffers operands, results;
  attributes given;
};

} // namespace ogive::xla
