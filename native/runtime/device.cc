#include "native/runtime/device.h"

#include <algorithm>
#include <functional>
#include <future>
#include <string>
#include <utility>

#include "native/runtime/trace.h"

namespace rst {
namespace {

// Runs work and returns what it threw, as the core's own error type.
template <class Work>
Failure failure_of(Work&& work) {
  try {
    work();
    return nullptr;
  } catch (const Error& error) {
    return std::make_shared<const Error>(error);
  } catch (const std::bad_alloc&) {
    return std::make_shared<const Error>(ErrorCode::kOutOfMemory,
                                         "The system has no memory left; use a smaller batch size or width.");
  } catch (const std::exception& error) {
    return std::make_shared<const Error>(ErrorCode::kInternal, error.what());
  }
}

bool any_output(const CheckedCall& call) {
  return std::any_of(call.outputs.begin(), call.outputs.end(),
                     [](const Tensor& output) { return output.defined(); });
}

// Whether the op has elements to write at all.
bool writes(const CheckedCall& call) {
  return std::any_of(call.row->inputs.begin(), call.row->inputs.end(),
                     [](const InputSpec& input) { return input.mutated; }) ||
         std::any_of(call.outputs.begin(), call.outputs.end(),
                     [](const Tensor& output) { return output.defined() && output.elements() > 0; });
}

// For RST_DEBUG=nan.
void check_what_it_wrote(Backend& backend, const CheckedCall& call) {
  std::vector<Tensor> read, written = call.outputs;
  for (size_t i = 0; i < call.inputs.size(); ++i)
    (call.row->inputs[i].mutated ? written : read).push_back(call.inputs[i]);
  check_for_nan(call.row->name, read, written, [&](const Tensor& tensor, void* bytes) {
    std::promise<Failure> done;
    backend.download(tensor, bytes, [&](Failure failure) { done.set_value(std::move(failure)); });
    if (const Failure failure = done.get_future().get()) throw Error(*failure);
  });
}

}  // namespace

std::map<std::string, int64_t> Device::fallbacks() const {
  std::map<std::string, int64_t> counts = fallback_.counts();
  for (const OpRow& row : op_table()) {
    if (!backend_->kernels().find(row.name)) counts.try_emplace(row.name, 0);
  }
  return counts;
}

std::vector<Tensor> Device::run(std::string_view op, OpCall call) {
  std::optional<Attributes> attributes;
  if (recorder_) attributes = call.attributes;
  CheckedCall checked = check(op, std::move(call));
  if (attributes) recorder_->add(checked, std::move(*attributes));
  std::vector<Tensor> outputs = checked.outputs;
  enqueue(std::move(checked));
  if (debug_switches.sync) throw_failure_of(outputs);
  return outputs;
}

void Device::throw_failure_of(const std::vector<Tensor>& outputs) {
  std::promise<void> complete;
  finish([&](Failure) { complete.set_value(); });
  complete.get_future().wait();
  for (const Tensor& output : outputs) {
    if (output.defined() && output.storage->failure) throw Error(*output.storage->failure);
  }
  // The worker stands still: what no output could tell is told here.
  if (untold_) throw Error(*(told_ = std::exchange(untold_, nullptr)));
}

CheckedCall Device::check(std::string_view op, OpCall call) {
  const OpRow& row = find_op(op);
  const ParsedCall parsed = parse_call(row, call);
  CheckedCall checked{&row, std::move(call.inputs), {}, parsed.params};
  for (const auto& desc : parsed.outputs) {
    checked.outputs.push_back(desc ? Tensor{desc->shape, desc->dtype, backend_->new_storage()} : Tensor{});
  }
  return checked;
}

void Device::enqueue(CheckedCall call) {
  stream_.enqueue([this, call = std::move(call)]() mutable { execute(call); });
}

void Device::run_kernel(const OpRow& row, const KernelCall& call) {
  if (const Kernel kernel = backend_->kernels().find(row.name)) return kernel(*backend_, call);
  fallback_.run(*backend_, row.name, call, [&](size_t input) { return row.inputs[input].mutated; });
}

void Device::separate(CheckedCall& call) {
  const std::vector<InputSpec>& specs = call.row->inputs;
  for (size_t alone = 0; alone < specs.size(); ++alone) {
    if (!call.inputs[alone].defined() || !(specs[alone].mutated || specs[alone].unshared)) continue;
    for (size_t other = 0; other < specs.size(); ++other) {
      Tensor& input = call.inputs[other];
      if (other == alone || specs[other].mutated || input.storage != call.inputs[alone].storage) continue;
      const Tensor copy{input.shape, input.dtype, backend_->new_storage()};
      run_kernel(find_op("copy"), {{&input, 1}, {&copy, 1}});
      input = copy;
    }
  }
}

void Device::execute(CheckedCall& call) {
  Failure failure;
  for (const Tensor& input : call.inputs) {
    if (!input.defined()) continue;
    if (input.storage->failure && !failure) failure = input.storage->failure;
    input.storage->changed = false;
  }
  if (!failure) {
    failure = failure_of([&] {
      if (writes(call)) {
        separate(call);
        {
          const TraceSpan span(call.row->name, call.inputs, call.outputs);
          run_kernel(*call.row, {call.inputs, call.outputs, call.params.get()});
        }
        if (debug_switches.nan) check_what_it_wrote(*backend_, call);
        return;
      }
      for (const Tensor& output : call.outputs) {
        if (output.defined()) backend_->upload(output, nullptr, nullptr);
      }
    });
  }
  for (const Tensor& output : call.outputs) {
    if (output.defined()) output.storage->failure = failure;
  }
  if (!failure) return;
  bool spoiled = false;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    if (!call.row->inputs[i].mutated || !call.inputs[i].defined() || !call.inputs[i].storage->changed)
      continue;
    call.inputs[i].storage->failure = failure;
    spoiled = true;
  }
  if (!spoiled && !any_output(call) && failure != told_ && !untold_) untold_ = failure;
}

Tensor Device::upload(const Shape& shape, DType dtype, const void* bytes,
                      std::shared_ptr<const void> keep_alive) {
  refuse_while_recording("bring data to the device");
  Tensor tensor{shape, dtype, backend_->new_storage()};
  stream_.enqueue([this, tensor, bytes, keep_alive = std::move(keep_alive)] {
    tensor.storage->failure = failure_of([&] { backend_->upload(tensor, bytes, keep_alive); });
  });
  return tensor;
}

void Device::download(const Tensor& tensor, void* bytes, Backend::Done done) {
  refuse_while_recording("read a tensor");
  stream_.enqueue([this, tensor, bytes, done = std::move(done)] {
    if (const Failure failure = failure_to_tell(tensor)) return done(failure);
    const Failure failure = failure_of([&] { backend_->download(tensor, bytes, done); });
    if (failure) done(failure);
  });
}

void Device::begin_recording(std::span<const Tensor> inputs) {
  refuse_while_recording("make another recording");
  recorder_.emplace(inputs);
}

std::shared_ptr<Recording> Device::end_recording(std::span<const Tensor> outputs) {
  if (!recorder_) throw_argument("Expected a recording to end but none was begun.");
  const auto recorder = std::exchange(recorder_, std::nullopt);
  return Recorder(std::move(*recorder)).finish(outputs);
}

std::vector<Tensor> Device::replay(std::shared_ptr<const Recording> recording,
                                   std::span<const Tensor> inputs) {
  refuse_while_recording("replay another recording");
  const size_t calls = recording->calls().size();
  const auto replay = std::make_shared<Replay>(std::move(recording), inputs, *backend_);
  std::vector<Tensor> outputs = replay->outputs();
  std::vector<std::function<void()>> tasks;
  for (size_t i = 0; i < calls; ++i) {
    tasks.push_back([this, replay, i] {
      CheckedCall call = replay->call(i, *backend_);
      execute(call);
    });
  }
  stream_.enqueue_all(std::move(tasks));
  return outputs;
}

void Device::refuse_while_recording(const char* what) const {
  if (!recorder_) return;
  throw_argument(std::string("A body that is recorded cannot ") + what +
                 ", because a replay repeats calls of ops only; do it before or after, and give tensors that "
                 "vary as inputs.");
}

void Device::finish(Backend::Done done) {
  stream_.enqueue([this, done = std::move(done)] {
    const Failure failure = failure_of([&] { backend_->finish(done); });
    if (failure) done(failure);
  });
}

Failure Device::failure_to_tell(const Tensor& tensor) {
  Failure failure = tensor.storage->failure;
  if (failure) {
    told_ = failure;
    untold_ = nullptr;
  } else if (untold_) {
    told_ = std::exchange(untold_, nullptr);
    failure = std::make_shared<const Error>(
        told_->code(),
        std::string("An update in place before this read failed and left its tensors as they were: ") +
            told_->what());
  }
  return failure;
}

}  // namespace rst
