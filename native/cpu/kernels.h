// The kernels of the CPU backend. Each family's file registers its own.
#pragma once

#include "native/cpu/cpu_backend.h"

namespace rst::cpu {

using CpuKernel = void (*)(CpuBackend&, const KernelCall&);

// The same as an entry of a kernel table.
template <CpuKernel kernel>
void on_cpu(Backend& backend, const KernelCall& call) {
  kernel(static_cast<CpuBackend&>(backend), call);
}

void add_attack_kernels(KernelTable& table);
void add_conv_kernels(KernelTable& table);
void add_data_kernels(KernelTable& table);
void add_elementwise_kernels(KernelTable& table);
void add_loss_kernels(KernelTable& table);
void add_mask_kernels(KernelTable& table);
void add_norm_kernels(KernelTable& table);
void add_optim_kernels(KernelTable& table);
void add_pool_kernels(KernelTable& table);
void add_random_kernels(KernelTable& table);
void add_reduce_kernels(KernelTable& table);
void add_topk_kernels(KernelTable& table);

}  // namespace rst::cpu
