#!/bin/sh
# Builds the addon of @tensorflow/tfjs-node where its install step cannot download one, against the TensorFlow library
# of a Python that has tensorflow:
#
#     sh bench/peers/build-tfjs-node.sh python3
set -eu
python=${1:?Name a Python that has tensorflow: sh bench/peers/build-tfjs-node.sh python3}
peers=$(cd "$(dirname "$0")" && pwd)
tensorflow=$("$python" -c 'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])')

npm install --prefix "$peers" --ignore-scripts
addon=$peers/node_modules/@tensorflow/tfjs-node
folder=$addon/lib/napi-v8
mkdir -p "$folder"
c++ -O2 -std=c++17 -fPIC -shared -DNAPI_VERSION=8 \
  -I "$addon" -I "$tensorflow/include" -I "$peers/../../node_modules/node-api-headers/include" \
  "$addon/binding/tfjs_backend.cc" "$addon/binding/tfjs_binding.cc" \
  "$tensorflow/libtensorflow_cc.so.2" "$tensorflow/libtensorflow_framework.so.2" \
  -Wl,-rpath,"$tensorflow" -o "$folder/tfjs_binding.node"
echo "Built $folder/tfjs_binding.node."
