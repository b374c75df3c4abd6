# Reads tickets of rst-native without rst-native, by docs/ticket-format.md. Needs numpy.
#
#   python3 read_ticket.py TICKET.safetensors ...
#
# prints for each layer its name, kept weights, all weights, and the SHA-256 of the masked weights, f32 [K, C, R, S].
import hashlib, json, re, sys
import numpy as np

DTYPES = {'U8': 'u1', 'F32': '<f4'}
RANKS = {'element': 4, 'row': 3, 'kernel': 2, 'channel': 1}  # leading dimensions of the weight that a mask has
# Wichura's AS 241, PPND16: numerators and denominators in the centre, in the tails, and far out.
CENTRE = '''3.3871328727963666080 1.3314166789178437745e2 1.9715909503065514427e3 1.3731693765509461125e4
    4.5921953931549871457e4 6.7265770927008700853e4 3.3430575583588128105e4 2.5090809287301226727e3
    1.0 4.2313330701600911252e1 6.8718700749205790830e2 5.3941960214247511077e3 2.1213794301586595867e4
    3.9307895800092710610e4 2.8729085735721942674e4 5.2264952788528545610e3'''
TAIL = '''1.42343711074968357734 4.63033784615654529590 5.76949722146069140550 3.64784832476320460504
    1.27045825245236838258 2.41780725177450611770e-1 2.27238449892691845833e-2 7.74545014278341407640e-4
    1.0 2.05319162663775882187 1.67638483018380384940 6.89767334985100004550e-1 1.48103976427480074590e-1
    1.51986665636164571966e-2 5.47593808499534494600e-4 1.05075007164441684324e-9'''
FAR = '''6.65790464350110377720 5.46378491116411436990 1.78482653991729133580 2.96560571828504891230e-1
    2.65321895265761230930e-2 1.24266094738807843860e-3 2.71155556874348757815e-5 2.01033439929228813265e-7
    1.0 5.99832206555887937690e-1 1.36929880922735805310e-1 1.48753612908506148525e-2 7.86869131145613259100e-4
    1.84631831751005468180e-5 1.42151175831644588870e-7 2.04426310338993978564e-15'''

def read(path):
    '''The metadata, and the tensors as arrays; the checksum is verified.'''
    data = open(path, 'rb').read()
    start = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:start])
    metadata, digest, tensors = header.pop('__metadata__'), hashlib.sha256(), {}
    for name in sorted(metadata.keys() - {'sha256'}):
        digest.update(f'{name}\0{metadata[name]}\0'.encode())
    for name in sorted(header):
        dtype, shape, (begin, end) = (header[name][key] for key in ('dtype', 'shape', 'data_offsets'))
        raw = data[start + begin:start + end]
        digest.update(f'{name}\0{dtype}\0{",".join(map(str, shape))}\0'.encode() + raw)
        tensors[name] = np.frombuffer(raw, DTYPES[dtype])
    if digest.hexdigest() != metadata['sha256']:
        sys.exit(f'{path}: the content does not match its checksum')
    return metadata, tensors

def philox(seed, layer, blocks):
    '''Blocks 0 ... blocks - 1 of the weights of a layer, [blocks, 4] words.'''
    low, half, position = np.uint64(0xFFFFFFFF), np.uint64(32), np.arange(blocks, dtype=np.uint64)
    last = position >> half << np.uint64(8) | np.uint64(1)
    c = [position & low, np.full_like(position, layer), np.zeros_like(position), last]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [b >> half ^ c[1] ^ np.uint64(k[0]), b & low, a >> half ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, 1)

def polynomial(x, c):
    return c[0] + x * polynomial(x, c[1:]) if len(c) > 1 else c[0]

def fraction(x, table):
    c = [float(text) for text in table.split()]
    return polynomial(x, c[:8]) / polynomial(x, c[8:])

def log(x):
    m, e = np.frexp(x)
    low = m <= 2 ** -0.5
    m, e = np.where(low, 2 * m, m), np.where(low, e - 1, e)
    s = (m - 1) / (m + 1)
    series = 2 * s * (s * s) * polynomial(s * s, [1 / n for n in range(3, 22, 2)])
    ln2 = float.fromhex('0x1.62e42feep-1'), float.fromhex('0x1.a39ef35793c76p-33')
    return e * ln2[0] + (2 * s + (series + e * ln2[1]))

def normal(block):
    bits = block[:, 0] << np.uint64(20) | block[:, 1] >> np.uint64(12)
    u = (bits.astype(float) + 0.5) * 2.0 ** -52
    q = u - 0.5
    r = np.sqrt(-log(np.where(q < 0, u, 1 - u)))
    tail = np.where(r <= 5, fraction(r - 1.6, TAIL), fraction(r - 5, FAR))
    return np.where(abs(q) <= 0.425, q * fraction(0.180625 - q * q, CENTRE), np.where(q < 0, -tail, tail))

def weights(init, seed, layer, shape):
    (k, c, r, s), count = shape, int(np.prod(shape))
    variance = {'kaiming-uniform': 6 / (c * r * s), 'xavier-normal': 2 / (c * r * s + k * r * s)}
    scale = np.float32(np.sqrt(variance.get(init, 2 / (c * r * s))))
    if init.endswith('normal'):
        return (float(scale) * normal(philox(seed, layer, count))).astype('<f4')
    words = philox(seed, layer, -(-count // 4)).ravel()[:count]
    if init == 'signed-kaiming-constant':
        return np.where(words >> np.uint64(31), -scale, scale)
    return scale * (2 * ((words >> np.uint64(8)).astype('<f4') * np.float32(2 ** -24)) - 1)

def layers(metadata, tensors):
    '''For each layer its name, mask and masked weights, [K, C, R, S].'''
    natural = lambda name: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', name)]
    shapes, rank = json.loads(metadata['weightShapes']), RANKS[metadata['pattern']]
    for index, name in enumerate(sorted(shapes, key=natural)):
        shape = shapes[name]
        groups = np.unpackbits(tensors[name + '.mask'], bitorder='little')[:np.prod(shape[:rank])]
        mask = np.broadcast_to(groups.reshape(shape[:rank] + [1] * (4 - rank)), shape) == 1
        drawn = lambda: weights(metadata['init'], int(metadata['weightSeed']), index, shape).reshape(shape)[mask]
        masked = np.zeros(shape, '<f4')
        masked[mask] = tensors[name + '.weight'] if name + '.weight' in tensors else drawn()
        yield name, mask, masked

if __name__ == '__main__':
    for path in sys.argv[1:]:
        for name, mask, masked in layers(*read(path)):
            print(name, mask.sum(), mask.size, hashlib.sha256(masked.tobytes()).hexdigest())
