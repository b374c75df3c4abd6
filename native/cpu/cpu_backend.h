// The CPU backend: every op of the contract on batch-blocked activations. One file a family holds the bodies.
#pragma once

#include <atomic>
#include <vector>

#include "native/cpu/conv/conv_plan.h"
#include "native/cpu/layout.h"
#include "native/ops/backend.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

// How an element of an elementwise op's output follows from inputs a and b and numbers p and q.
enum class ElementMap { kAdd, kSub, kMul, kScale, kClip, kRelu, kReluGrad, kAddNumber, kNormalize };

struct CpuOptions {
  int threads = 1;
  int64_t memory_limit = 0;  // bytes; 0 = the machine's
  bool sparse = true;        // false: every convolution by the dense kernels
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options);

  // Of all tensors and scratch.
  CachingAllocator& allocator() { return allocator_; }

  std::shared_ptr<Storage> new_storage() override;
  MemoryStats memory() const override;
  void release_cached() override;
  void reset_peak() override;
  std::string description() const override;
  std::string simd_target() const override;
  ConvCostModel conv_cost_model() const override;
  ConvKernels conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                           double density) const override;
  double weight_compile_seconds() const override;
  void upload(const Tensor& y, const void* bytes) override;
  void download(const Tensor& x, void* bytes) override;

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& y, const ConvParams& p) override;
  void conv2d_batch_norm(const Tensor& x, const Tensor& w, const Tensor& running_mean,
                         const Tensor& running_var, const Tensor& residual, const Tensor& y,
                         const Tensor& positive, const ConvParams& p, const BatchNormParams& norm) override;
  void conv2d_input_grad(const Tensor& dy, const Tensor& w, const Tensor& addend, const Tensor& dx,
                         const ConvParams& p) override;
  void conv2d_input_grad_batch_norm(const Tensor& dy, const Tensor& w, const Tensor& addend,
                                    const Tensor& positive, const Tensor& running_var, const Tensor& d_maps,
                                    const Tensor& d_sum, const ConvParams& p,
                                    const BatchNormParams& norm) override;
  void conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const ConvParams& p) override;

  void batch_norm_train(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                        const Tensor& residual, const Tensor& gamma, const Tensor& beta, const Tensor& y,
                        const Tensor& mean, const Tensor& inv_std, const Tensor& positive,
                        const BatchNormParams& p) override;
  void batch_norm_train_grad(const Tensor& dy, const Tensor& x, const Tensor& positive, const Tensor& mean,
                             const Tensor& inv_std, const Tensor& gamma, const Tensor& dx,
                             const Tensor& d_residual, const Tensor& d_gamma, const Tensor& d_beta,
                             const BatchNormParams& p) override;
  void batch_norm_eval(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                       const Tensor& residual, const Tensor& gamma, const Tensor& beta, const Tensor& y,
                       const Tensor& positive, const BatchNormParams& p) override;
  void batch_norm_eval_grad(const Tensor& dy, const Tensor& positive, const Tensor& running_var,
                            const Tensor& gamma, const Tensor& dx, const Tensor& d_residual,
                            const BatchNormParams& p) override;

  void max_pool2d(const Tensor& x, const Tensor& y, const PoolParams& p) override;
  void max_pool2d_grad(const Tensor& dy, const Tensor& x, const Tensor& dx, const PoolParams& p) override;
  void avg_pool2d(const Tensor& x, const Tensor& y, const PoolParams& p) override;
  void avg_pool2d_grad(const Tensor& dy, const Tensor& dx, const PoolParams& p) override;
  void global_avg_pool(const Tensor& x, const Tensor& y) override;
  void global_avg_pool_grad(const Tensor& dy, const Tensor& dx) override;

  void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& losses,
                     float smoothing) override;
  void cross_entropy_grad(const Tensor& logits, const Tensor& labels, const Tensor& d_losses,
                          const Tensor& d_logits, float smoothing) override;
  void softmax(const Tensor& logits, const Tensor& probabilities) override;
  void argmax(const Tensor& logits, const Tensor& indices) override;
  void correct(const Tensor& logits, const Tensor& labels, const Tensor& result) override;

  void fill(const Tensor& y, float value) override;
  void copy(const Tensor& x, const Tensor& y) override;
  void reshape(const Tensor& x, const Tensor& y) override;
  void add(const Tensor& a, const Tensor& b, const Tensor& y) override;
  void sub(const Tensor& a, const Tensor& b, const Tensor& y) override;
  void mul(const Tensor& a, const Tensor& b, const Tensor& y) override;
  void scale(const Tensor& x, const Tensor& y, float factor) override;
  void clip(const Tensor& x, const Tensor& y, float low, float high) override;
  void relu(const Tensor& x, const Tensor& y) override;
  void relu_grad(const Tensor& dy, const Tensor& y, const Tensor& dx) override;
  void normalize(const Tensor& x, const Tensor& y, std::span<const float> mean,
                 std::span<const float> std) override;
  void bias_add(const Tensor& x, const Tensor& bias, const Tensor& y) override;

  void sum(const Tensor& x, const Tensor& y) override;
  void channel_sum(const Tensor& x, const Tensor& y) override;
  void sample_sum(const Tensor& x, const Tensor& y) override;
  void sample_norm(const Tensor& x, const Tensor& y, Norm norm) override;
  void sample_scale(const Tensor& x, const Tensor& s, const Tensor& y) override;
  void broadcast(const Tensor& x, const Tensor& y, float factor) override;

  void attack_step(const Tensor& x, const Tensor& x0, const Tensor& gradient, const Tensor& active,
                   const Tensor& y, const ThreatModel& threat, float step_size) override;
  void random_start(const Tensor& x0, const Tensor& sample_ids, const Tensor& y, const ThreatModel& threat,
                    uint64_t seed, uint32_t step) override;

  void topk_mask(const Tensor& scores, const Tensor& mask, int64_t keep) override;
  void masked_weight(const Tensor& weight, const Tensor& mask, const Tensor& y) override;
  void score_grad(const Tensor& d_weight, const Tensor& weight, const Tensor& scores,
                  const Tensor& d_scores) override;
  void pack_bits(const Tensor& mask, const Tensor& bits) override;
  void unpack_bits(const Tensor& bits, const Tensor& mask) override;

  void random_weight(const Tensor& y, WeightInit init, float scale, const RandomStream& stream) override;
  void uniform_noise(const Tensor& sample_ids, const Tensor& y, float low, float high, uint64_t seed,
                     uint32_t step) override;
  void normal_noise(const Tensor& sample_ids, const Tensor& y, float mean, float std, uint64_t seed,
                    uint32_t step) override;

  void sgd_step(const Tensor& parameter, const Tensor& gradient, const Tensor& velocity, float lr,
                float momentum, float weight_decay) override;

  void gather_images(const Tensor& images, const Tensor& indices, const Tensor& ids, const Tensor& y,
                     const AugmentParams& p) override;

 private:
  // --- memory and layout (cpu_backend.cc) ---

  // Fresh memory for an output. `blocked_output` clears the border; the rest is uninitialised.
  BlockedView blocked_output(const Tensor& t);
  template <class T = float>
  T* plain_output(const Tensor& t) {
    return static_cast<T*>(allocate_plain(t));
  }
  void* allocate_plain(const Tensor& t);
  PlanarView planar_output(const Tensor& t);
  // An input in the layout a kernel wants. A tensor that lies in another one is converted once, in place.
  BlockedView blocked_input(const Tensor& t);
  PlanarView planar_input(const Tensor& t);
  template <class T = const float>
  T* plain_input(const Tensor& t) {
    return static_cast<T*>(plain_data(t));
  }
  void* plain_data(const Tensor& t);
  // The memory of a plain input, which others may share.
  std::shared_ptr<const Buffer> plain_buffer(const Tensor& t);
  // A plain input that the op changes in place; it may begin to once it has them all and has said so
  // (CpuStorage::begin_change).
  float* writable_input(const Tensor& t);
  // A convolution's weight.
  WeightData weight_input(const Tensor& w);
  // Row-major elements, from whatever layout.
  void copy_to_plain(const Tensor& t, void* to);
  void write_masked(const WeightData& weight, int64_t count, float* to);
  // The bits of a u8 tensor that says which activations are positive; null where it is undefined.
  uint8_t* positive_output(const Tensor& t);
  uint8_t* positive_input(const Tensor& t);
  static bool is_blocked(const Tensor& t);
  static bool is_planar(const Tensor& t);
  // Whether work on activations x goes over planar memory, else over blocked: as they lie, and small batches
  // of plain ones planar.
  static bool goes_planar(const Tensor& x);
  // Calls body(x, y) with the views of input and output in the layout that x goes over.
  template <class Body>
  void with_views(const Tensor& x, const Tensor& y, const Body& body) {
    if (goes_planar(x)) {
      const PlanarView in = planar_input(x);
      body(in, planar_output(y));
    } else {
      const BlockedView in = blocked_input(x);
      body(in, blocked_output(y));
    }
  }
  // An input in the layout of another view.
  BlockedView input_like(const BlockedView&, const Tensor& t) { return blocked_input(t); }
  PlanarView input_like(const PlanarView&, const Tensor& t) { return planar_input(t); }
  // A view of x with a border of at least `halo` pixels: x itself, or a copy kept alive in `storage`.
  BlockedView with_halo(const BlockedView& x, int64_t halo, Buffer& storage);
  void input_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const ConvParams& p,
                  const ConvFinish& finish);
  // Forward pass or input gradient, by the weight as compiled in `cache` (conv.cc).
  void run_conv(const BlockedView& in, const BlockedView& out, const std::vector<ConvPlan>& plans,
                std::shared_ptr<PackedWeight>& cache, const WeightView& weight, const ConvParams& p,
                ConvFinish finish);
  // A forward convolution in the layout that suits batch and weight; the residual becomes the finish's
  // addend.
  void run_forward(const Tensor& x, const Tensor& w, const Tensor& residual, const Tensor& y,
                   const ConvParams& p, ConvFinish finish);
  Buffer bordered_buffer(const BlockedShape& shape);
  Buffer bordered_buffer(const PlanarShape& shape);
  Buffer scratch(int64_t bytes) { return Buffer(allocator_, bytes); }

  void convert(const BlockedView& from, const PlanarView& to);
  void convert(const PlanarView& from, const BlockedView& to);
  void convert(const PlanarView& from, const PlanarView& to);
  // Fills `to` from memory of a tensor of that shape in another layout.
  void convert(CpuStorage::Layout layout, const Buffer& from, const Shape& shape, const PlanarView& to);

  // y = op(a, b, p, q), over blocked or planar memory if an input lies so (blocked if they differ), else over
  // plain memory; b may be undefined.
  void map_elements(ElementMap op, const Tensor& a, const Tensor& b, const Tensor& y, float p = 0,
                    float q = 0);

  CachingAllocator allocator_;
  ThreadPool pool_;
  const bool sparse_;
  std::atomic<int64_t> weight_compile_nanoseconds_{0};
};

}  // namespace rst::cpu
