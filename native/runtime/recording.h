// The calls of one pass, kept so that they can run again: each with its row, its parsed attributes, and where
// its tensors come from.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "native/runtime/backend.h"
#include "native/runtime/checked_call.h"

namespace rst {

// A tensor of a recording is a slot: kept from outside, given anew to each replay, or made by one of the
// calls. Memory of the last kind is taken by the call that makes it and given back after the last one that
// reads it, at every replay as it was without one.
class Recording {
 public:
  using SlotIndex = size_t;
  static constexpr SlotIndex kNone = static_cast<SlotIndex>(-1);  // an optional tensor that is left out

  struct Slot {
    TensorDesc desc;
    std::shared_ptr<Storage> kept;  // null: given, or made by a call
  };
  struct Call {
    const OpRow* row;
    Attributes attributes;
    std::shared_ptr<const void> params;  // what the row made of the attributes
    std::vector<SlotIndex> inputs, outputs;
    std::vector<SlotIndex> done;  // what no later call uses
  };

  const std::vector<Slot>& slots() const { return slots_; }
  const std::vector<Call>& calls() const { return calls_; }
  // Slots of what each replay is given, and of what it returns.
  const std::vector<SlotIndex>& inputs() const { return inputs_; }
  const std::vector<SlotIndex>& outputs() const { return outputs_; }

  // Sets an attribute of all calls of one op, for the replays that follow. Throws Error(kArgument) where
  // there is no such call, or where they differ in it, and the row's own errors for a value that it refuses.
  void set(const OpRow& row, const char* attribute, const AttributeValue& value);

 private:
  friend class Recorder;
  std::vector<Slot> slots_;
  std::vector<Call> calls_;
  std::vector<SlotIndex> inputs_, outputs_;
};

// Makes a recording of the calls that it is told.
class Recorder {
 public:
  // Throws Error(kArgument) for the same tensor twice.
  explicit Recorder(std::span<const Tensor> inputs);

  void add(const CheckedCall& call, Attributes attributes);
  // Throws Error(kArgument) for an output that none of the calls made.
  std::shared_ptr<Recording> finish(std::span<const Tensor> outputs);

 private:
  Recording::SlotIndex slot_of(const Tensor& tensor);
  Recording::SlotIndex new_slot(const Tensor& tensor, std::shared_ptr<Storage> kept);

  std::shared_ptr<Recording> recording_ = std::make_shared<Recording>();
  // By owner and weakly: nothing else can take a known storage's place, and its memory is given back.
  std::map<std::weak_ptr<Storage>, Recording::SlotIndex, std::owner_less<>> known_;
};

// One run through a recording: what its slots hold meanwhile. Made on the caller's thread, run on the worker.
class Replay {
 public:
  // Throws Error(kShape) for inputs of other shapes or types than the recorded ones.
  Replay(std::shared_ptr<const Recording> recording, std::span<const Tensor> inputs, Backend& backend);

  // What the last call will leave.
  std::vector<Tensor> outputs() const;

  // Call number i on its tensors; to be asked for once, after those before it have run.
  CheckedCall call(size_t i, Backend& backend);

 private:
  Tensor tensor(Recording::SlotIndex slot) const {
    if (slot == Recording::kNone) return {};
    const TensorDesc& desc = recording_->slots()[slot].desc;
    return {desc.shape, desc.dtype, storages_[slot]};
  }

  std::shared_ptr<const Recording> recording_;
  // As they are now: the recording's may be set anew before the worker comes to them.
  std::vector<std::shared_ptr<const void>> params_;
  std::vector<std::shared_ptr<Storage>> storages_;
};

}  // namespace rst
