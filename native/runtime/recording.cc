#include "native/runtime/recording.h"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace rst {
namespace {

// The call on stand-ins for its tensors: a row looks at shapes and at which are the same, and at no more.
OpCall stand_in(const Recording::Call& call, const std::vector<Recording::Slot>& slots) {
  std::unordered_map<Recording::SlotIndex, std::shared_ptr<Storage>> storages;
  OpCall result{{}, call.attributes};
  for (const Recording::SlotIndex i : call.inputs) {
    if (i == Recording::kNone) {
      result.inputs.emplace_back();
      continue;
    }
    auto& storage = storages[i];
    if (!storage) storage = std::make_shared<Storage>();
    result.inputs.push_back({slots[i].desc.shape, slots[i].desc.dtype, storage});
  }
  return result;
}

bool same_outputs(const Outputs& outputs, const Recording::Call& call,
                  const std::vector<Recording::Slot>& slots) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Recording::SlotIndex slot = call.outputs[i];
    const bool recorded = slot != Recording::kNone;
    if (outputs[i].has_value() != recorded) return false;
    if (recorded && outputs[i]->shape != slots[slot].desc.shape) return false;
  }
  return true;
}

}  // namespace

void Recording::set(const OpRow& row, const char* attribute, const AttributeValue& value) {
  const std::string op = row.name;
  const AttributeValue* before = nullptr;
  std::vector<std::pair<Call*, ParsedCall>> changed;
  for (Call& call : calls_) {
    if (call.row != &row) continue;
    const AttributeValue& now = call.attributes.find(attribute);
    if (before && *before != now) {
      throw_argument("The calls of " + op + " were recorded with several values of '" + attribute +
                     "', which cannot become one.");
    }
    before = &now;
    OpCall tried = stand_in(call, slots_);
    tried.attributes.set(attribute, value);
    ParsedCall parsed = parse_call(row, tried);
    if (!same_outputs(parsed.outputs, call, slots_)) {
      throw_argument(op + " would give other outputs than it was recorded with; record the body again.");
    }
    changed.emplace_back(&call, std::move(parsed));
  }
  if (changed.empty()) throw_argument("The recording has no call of " + op + ".");
  for (auto& [call, parsed] : changed) {
    call->attributes.set(attribute, value);
    call->params = std::move(parsed.params);
  }
}

Recorder::Recorder(std::span<const Tensor> inputs) {
  for (const Tensor& input : inputs) {
    if (known_.contains(input.storage)) {
      throw_argument("Expected a different tensor for each input of a recording but received one of shape " +
                     input.shape.to_string() + " twice.");
    }
    recording_->inputs_.push_back(new_slot(input, nullptr));
  }
}

Recording::SlotIndex Recorder::new_slot(const Tensor& tensor, std::shared_ptr<Storage> kept) {
  recording_->slots_.push_back({{tensor.shape, tensor.dtype}, std::move(kept)});
  return known_[tensor.storage] = recording_->slots_.size() - 1;
}

Recording::SlotIndex Recorder::slot_of(const Tensor& tensor) {
  if (!tensor.defined()) return Recording::kNone;
  const auto found = known_.find(tensor.storage);
  return found == known_.end() ? new_slot(tensor, tensor.storage) : found->second;
}

void Recorder::add(const CheckedCall& call, Attributes attributes) {
  Recording::Call recorded{call.row, std::move(attributes), call.params, {}, {}, {}};
  for (const Tensor& input : call.inputs) recorded.inputs.push_back(slot_of(input));
  for (const Tensor& output : call.outputs) {
    recorded.outputs.push_back(output.defined() ? new_slot(output, nullptr) : Recording::kNone);
  }
  recording_->calls_.push_back(std::move(recorded));
}

std::shared_ptr<Recording> Recorder::finish(std::span<const Tensor> outputs) {
  const auto& inputs = recording_->inputs_;
  for (const Tensor& output : outputs) {
    const auto found = known_.find(output.storage);
    const bool made = found != known_.end() && !recording_->slots_[found->second].kept &&
                      std::find(inputs.begin(), inputs.end(), found->second) == inputs.end();
    if (!made) {
      throw_argument("Expected a body that returns tensors made by its own calls but received one of shape " +
                     output.shape.to_string() + " that was there before.");
    }
    recording_->outputs_.push_back(found->second);
  }
  // From the last call to the first: who names a slot first is its last user.
  std::vector<bool> needed(recording_->slots_.size());
  for (const Recording::SlotIndex i : recording_->outputs_) needed[i] = true;
  for (auto call = recording_->calls_.rbegin(); call != recording_->calls_.rend(); ++call) {
    for (const auto* slots : {&call->inputs, &call->outputs}) {
      for (const Recording::SlotIndex i : *slots) {
        if (i == Recording::kNone || needed[i]) continue;
        needed[i] = true;
        call->done.push_back(i);
      }
    }
  }
  return std::move(recording_);
}

Replay::Replay(std::shared_ptr<const Recording> recording, std::span<const Tensor> inputs, Backend& backend)
    : recording_(std::move(recording)) {
  const auto& slots = recording_->slots();
  const auto& wanted = recording_->inputs();
  if (inputs.size() != wanted.size()) {
    throw_argument("Expected " + std::to_string(wanted.size()) +
                   " inputs, as the recording was made with, but received " + std::to_string(inputs.size()) +
                   ".");
  }
  for (const Recording::Slot& slot : slots) storages_.push_back(slot.kept);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorDesc& desc = slots[wanted[i]].desc;
    if (inputs[i].shape != desc.shape || inputs[i].dtype != desc.dtype) {
      throw_shape("Expected " + desc.shape.to_string() + " of " + dtype_name(desc.dtype) + " for input " +
                  std::to_string(i + 1) + " of the recording but received " + inputs[i].shape.to_string() +
                  " of " + dtype_name(inputs[i].dtype) + "; record the body for that shape too.");
    }
    storages_[wanted[i]] = inputs[i].storage;
  }
  for (const Recording::SlotIndex slot : recording_->outputs()) storages_[slot] = backend.new_storage();
  for (const Recording::Call& call : recording_->calls()) params_.push_back(call.params);
}

CheckedCall Replay::call(size_t i, Backend& backend) {
  const Recording::Call& recorded = recording_->calls()[i];
  CheckedCall call{recorded.row, {}, {}, params_[i]};
  for (const Recording::SlotIndex slot : recorded.inputs) call.inputs.push_back(tensor(slot));
  for (const Recording::SlotIndex slot : recorded.outputs) {
    if (slot != Recording::kNone && !storages_[slot]) storages_[slot] = backend.new_storage();
    call.outputs.push_back(tensor(slot));
  }
  for (const Recording::SlotIndex slot : recorded.done) storages_[slot].reset();
  return call;
}

std::vector<Tensor> Replay::outputs() const {
  std::vector<Tensor> result;
  for (const Recording::SlotIndex slot : recording_->outputs()) result.push_back(tensor(slot));
  return result;
}

}  // namespace rst
