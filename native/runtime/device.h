// A backend and its queue: where tensors live and ops run.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "native/ops/op_table.h"
#include "native/runtime/backend.h"
#include "native/runtime/fallback.h"
#include "native/runtime/recording.h"
#include "native/runtime/stream.h"

namespace rst {

class Device {
 public:
  // `fallback` makes the backend that runs what the first has no kernel for.
  explicit Device(std::unique_ptr<Backend> backend, MakeBackend fallback = nullptr)
      : backend_(std::move(backend)), fallback_(std::move(fallback)) {}

  Backend& backend() { return *backend_; }
  Stream& stream() { return stream_; }
  // The ops that the backend has no kernel for, and how often the fallback ran each so far. Any thread.
  std::map<std::string, int64_t> fallbacks() const;

  // Checks the call now (throws Error), enqueues the work and returns the outputs' handles at once; an output
  // that the op leaves out is undefined. A failure on the worker travels with the outputs. Inputs stay as
  // they were, but for those that the op had begun to change. A failure without outputs to travel with is
  // told by the next download, unless that failure was told already.
  std::vector<Tensor> run(std::string_view op, OpCall call);

  // The two halves of run. A checked call may be enqueued more than once: its outputs get new elements.
  CheckedCall check(std::string_view op, OpCall call);
  void enqueue(CheckedCall call);

  // A tensor of row-major bytes; `keep_alive` holds them until they are copied.
  Tensor upload(const Shape& shape, DType dtype, const void* bytes, std::shared_ptr<const void> keep_alive);

  // Copies the elements, row-major, to `bytes`, then calls done on any thread, with the failure that made the
  // tensor unreadable or with nothing.
  void download(const Tensor& tensor, void* bytes, Backend::Done done);

  // Calls done on any thread once everything enqueued so far is complete.
  void finish(Backend::Done done);

  // From here to end_recording or cancel_recording, the calls of run are recorded as well. What goes through
  // the host cannot be: upload and download throw Error(kArgument) meanwhile.
  void begin_recording(std::span<const Tensor> inputs);
  std::shared_ptr<Recording> end_recording(std::span<const Tensor> outputs);
  void cancel_recording() { recorder_.reset(); }
  // Enqueues the recorded calls as run does, and returns the outputs' handles.
  std::vector<Tensor> replay(std::shared_ptr<const Recording> recording, std::span<const Tensor> inputs);

 private:
  // For RST_DEBUG=sync: waits for the op and throws what it failed with.
  void throw_failure_of(const std::vector<Tensor>& outputs);
  void execute(CheckedCall& call);
  void run_kernel(const OpRow& row, const KernelCall& call);
  // Gives an input that came as another one too a copy of its own where the op needs that.
  void separate(CheckedCall& call);
  Failure failure_to_tell(const Tensor& tensor);
  void refuse_while_recording(const char* what) const;

  std::unique_ptr<Backend> backend_;
  Fallback fallback_;
  std::optional<Recorder> recorder_;
  // Of the worker: what the last failed download told, and what no output could.
  Failure told_, untold_;
  Stream stream_;  // destroyed first: its queue still uses the backend
};

}  // namespace rst
