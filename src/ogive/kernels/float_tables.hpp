// Written by tools/fit_float_tables.py; do not edit.
// Included inside the namespace of one instruction set.
constexpr float sixteenths_of_log2_e = 0x1.715476p+4f;
constexpr float ln2_16_high = 0x1.62ep-5f, ln2_16_low = 0x1.0bfbe8p-19f;

// e^r = 1 + r + r^2 q(r), |r| <= ln2/32: q. Error 2^-29.21.
alignas(64) constexpr float exp_tail[] = {0x1.000222p-1f, 0x1.55564p-3f};

// The same where 1 is taken off e^r. Error 2^-37.44.
alignas(64) constexpr float exp_longer_tail[] = {0x1p-1f, 0x1.55572p-3f, 0x1.555624p-5f};

// 2^(j/16) to 12 bits, and the rest.
alignas(64) constexpr float exp2_high[] = {0x1p+0f,     0x1.0b6p+0f, 0x1.172p+0f, 0x1.238p+0f,
                                           0x1.306p+0f, 0x1.3dep+0f, 0x1.4cp+0f,  0x1.5acp+0f,
                                           0x1.6ap+0f,  0x1.7a2p+0f, 0x1.8acp+0f, 0x1.9c4p+0f,
                                           0x1.ae8p+0f, 0x1.c1ap+0f, 0x1.d58p+0f, 0x1.ea4p+0f};

alignas(64) constexpr float exp2_low[] = {
    0x0p+0f,         -0x1.4f260cp-13f, 0x1.7078fap-13f,  0x1.e9b9d6p-14f,
    0x1.fc1464p-13f, 0x1.4c9824p-13f,  -0x1.29564ep-15f, -0x1.f0457p-13f,
    0x1.3cccfep-13f, -0x1.d7182ap-13f, 0x1.ca8456p-13f,  0x1.230548p-13f,
    0x1.3f32b6p-13f, -0x1.9089eap-14f, 0x1.8dcfbap-16f,  0x1.5f454ap-13f};

constexpr int mills_degree = 5;
// e^(a^2/2) Phi(-a) around the middle of interval j, relative error 2^-28.81.
alignas(64) constexpr float mills[][32] = {
    {0x1.f68p-3f, 0x1.bdcp-3f, 0x1.8f6p-3f, 0x1.69p-3f,  0x1.48ep-3f, 0x1.2dap-3f, 0x1.164p-3f,
     0x1.02p-3f,  0x1.d0cp-4f, 0x1.99cp-4f, 0x1.6ep-4f,  0x1.4a8p-4f, 0x1.2dp-4f,  0x1.144p-4f,
     0x1.fe6p-5f, 0x1.da2p-5f, 0x1.ac6p-5f, 0x1.7b6p-5f, 0x1.546p-5f, 0x1.348p-5f, 0x1.1a2p-5f,
     0x1.03cp-5f, 0x1.e18p-6f, 0x1.c0ap-6f, 0x1.e76p-2f, 0x1.bbap-2f, 0x1.95cp-2f, 0x1.74ep-2f,
     0x1.582p-2f, 0x1.3eep-2f, 0x1.28ap-2f, 0x1.14ep-2f},
    {-0x1.f7949ep-4f, -0x1.9851f2p-4f, -0x1.4ffe68p-4f, -0x1.18274ep-4f,  -0x1.d8c1bcp-5f,
     -0x1.9328f6p-5f, -0x1.5b205ep-5f, -0x1.2d7c14p-5f, -0x1.ef2cc8p-6f,  -0x1.85dc7cp-6f,
     -0x1.3a0094p-6f, -0x1.01c9bep-6f, -0x1.ae369cp-7f, -0x1.6c06bap-7f,  -0x1.37c334p-7f,
     -0x1.0dd422p-7f, -0x1.b9fa6ap-8f, -0x1.5bcb3ep-8f, -0x1.188feep-8f,  -0x1.cdeeacp-9f,
     -0x1.82bdeep-9f, -0x1.486db4p-9f, -0x1.1a5102p-9f, -0x1.ea79b4p-10f, -0x1.7a0d5cp-2f,
     -0x1.45588cp-2f, -0x1.19baa6p-2f, -0x1.eacbbcp-3f, -0x1.ade41ap-3f,  -0x1.7a88e4p-3f,
     -0x1.4efb3p-3f,  -0x1.29d78ap-3f},
    {0x1.b6593p-5f,   0x1.4a0316p-5f,  0x1.f9a62p-6f,   0x1.89994cp-6f,  0x1.36dd1ep-6f,
     0x1.f199aap-7f,  0x1.931dcep-7f,  0x1.4a384ap-7f,  0x1.f2f516p-8f,  0x1.621fbp-8f,
     0x1.031b36p-8f,  0x1.852b48p-9f,  0x1.2ae26ap-9f,  0x1.d419d4p-10f, 0x1.74d5a4p-10f,
     0x1.2d6b4ap-10f, 0x1.c0f8e8p-11f, 0x1.3ae79ap-11f, 0x1.c9eaf6p-12f, 0x1.56ee08p-12f,
     0x1.073c44p-12f, 0x1.9ca82ep-13f, 0x1.494a3cp-13f, 0x1.0ade5ap-13f, 0x1.cfce96p-3f,
     0x1.7e9382p-3f,  0x1.3dae34p-3f,  0x1.097b54p-3f,  0x1.be70a6p-4f,  0x1.7992f8p-4f,
     0x1.411f8cp-4f,  0x1.1293e8p-4f},
    {-0x1.56aeap-6f,   -0x1.e3d258p-7f,  -0x1.5c2c88p-7f,  -0x1.fe2836p-8f,  -0x1.7bec04p-8f,
     -0x1.1f3d3p-8f,   -0x1.b872bp-9f,   -0x1.56071cp-9f,  -0x1.dec362p-10f, -0x1.34a54ep-10f,
     -0x1.9ccb0cp-11f, -0x1.1cffbp-11f,  -0x1.948c04p-12f, -0x1.2628d4p-12f, -0x1.b50ff8p-13f,
     -0x1.4abf5ep-13f, -0x1.c15beap-14f, -0x1.19bd1ep-14f, -0x1.72025p-15f,  -0x1.f8fed2p-16f,
     -0x1.63d94p-16f,  -0x1.01b17ep-16f, -0x1.7e116ap-17f, -0x1.2113d6p-17f, -0x1.e4bc7ap-4f,
     -0x1.81fd6p-4f,   -0x1.357ecap-4f,  -0x1.f37d4p-5f,   -0x1.95c366p-5f,  -0x1.4baea4p-5f,
     -0x1.10a85cp-5f,  -0x1.c30992p-6f},
    {0x1.ec61bep-8f,  0x1.481e36p-8f,  0x1.be616ep-9f,  0x1.357d5ap-9f,  0x1.b4e278p-10f,
     0x1.3982e8p-10f, 0x1.c8f3ep-11f,  0x1.51d7bcp-11f, 0x1.b9c612p-12f, 0x1.041846p-12f,
     0x1.3f6edp-13f,  0x1.970134p-14f, 0x1.0bd026p-14f, 0x1.6a9f5ep-15f, 0x1.f786bep-16f,
     0x1.658e06p-16f, 0x1.bdca26p-17f, 0x1.f47cdp-18f,  0x1.293dc6p-18f, 0x1.71f926p-19f,
     0x1.df08ap-20f,  0x1.40b1c4p-20f, 0x1.b9fb0ap-21f, 0x1.384f5cp-21f, 0x1.c117cp-5f,
     0x1.5ab886p-5f,  0x1.0d9188p-5f,  0x1.a60214p-6f,  0x1.4c8fecp-6f,  0x1.07c49p-6f,
     0x1.a4ffp-7f,    0x1.51f53cp-7f},
    {-0x1.4683a4p-9f,  -0x1.a1ce5ep-10f, -0x1.1410cap-10f, -0x1.602ceep-11f, -0x1.cd2cecp-12f,
     -0x1.3af57cp-12f, -0x1.b850f8p-13f, -0x1.6134b8p-13f, -0x1.873d4ap-14f, -0x1.a15576p-15f,
     -0x1.e44828p-16f, -0x1.195b16p-16f, -0x1.5bd248p-17f, -0x1.bbe082p-18f, -0x1.0c87fp-18f,
     -0x1.9f1fa6p-19f, -0x1.af9ba6p-20f, -0x1.b0e356p-21f, -0x1.de41a4p-22f, -0x1.0c1cf6p-22f,
     -0x1.415beap-23f, -0x1.915d86p-24f, -0x1.09ba5cp-24f, -0x1.5fc0e6p-25f, -0x1.7ead98p-6f,
     -0x1.0e5604p-6f,  -0x1.71a7e8p-7f,  -0x1.63cc18p-7f,  -0x1.010bacp-7f,  -0x1.5eb826p-8f,
     -0x1.69632ep-8f,  -0x1.bf6b0ap-9f}};

// What the 12 bits of mills[0] leave.
alignas(64) constexpr float mills_low[] = {
    -0x1.f64b74p-16f, -0x1.8355b6p-17f, 0x1.08d736p-16f,  0x1.665d0cp-16f,  -0x1.c7dc62p-19f,
    -0x1.8eb134p-16f, -0x1.e0d068p-16f, -0x1.f1f018p-17f, -0x1.9c7dbp-17f,  0x1.5b7034p-19f,
    0x1.025cfp-18f,   -0x1.b6cdbcp-17f, 0x1.fec34ep-20f,  0x1.694b4ep-18f,  0x1.cbc638p-18f,
    0x1.95a918p-18f,  0x1.49655cp-20f,  -0x1.99d3ap-22f,  -0x1.ad19b4p-18f, 0x1.675324p-23f,
    -0x1.5171d6p-18f, 0x1.e0a088p-18f,  0x1.bb710cp-19f,  0x1.387d08p-19f,  0x1.eecc2ep-15f,
    -0x1.7b67a8p-15f, -0x1.dc72b2p-16f, -0x1.02f536p-15f, 0x1.f42bdcp-20f,  0x1.11a2d8p-15f,
    0x1.74d194p-16f,  0x1.bf82ep-16f};

// log(1 + t) = t + t^2 g(t), |t| <= 0.03223: g. Error 2^-31.24.
alignas(64) constexpr float log1p_tail[] = {-0x1.fffffcp-2f, 0x1.555552p-2f, -0x1.0039c8p-2f,
                                            0x1.99fbc2p-3f};

// 1/(1 + j/16) to 12 bits, and minus its logarithm as a pair.
alignas(64) constexpr float inverse[] = {0x1p+0f,     0x1.e1ep-1f, 0x1.c72p-1f, 0x1.af2p-1f,
                                         0x1.99ap-1f, 0x1.862p-1f, 0x1.746p-1f, 0x1.642p-1f,
                                         0x1.556p-1f, 0x1.47ap-1f, 0x1.3b2p-1f, 0x1.2f6p-1f,
                                         0x1.24ap-1f, 0x1.1a8p-1f, 0x1.112p-1f, 0x1.084p-1f};

alignas(64) constexpr float log_high[] = {
    0x0p+0f,        0x1.f0c30cp-5f, 0x1.e25078p-4f, 0x1.601b08p-3f, 0x1.c8df7cp-3f, 0x1.1661cap-2f,
    0x1.4610bcp-2f, 0x1.73c18p-2f,  0x1.9f124p-2f,  0x1.c92b7ep-2f, 0x1.f100f6p-2f, 0x1.0bf52ep-1f,
    0x1.1e6df6p-1f, 0x1.307574p-1f, 0x1.41bdp-1f,   0x1.52a6d2p-1f};

alignas(64) constexpr float log_low[] = {
    0x0p+0f,          0x1.116352p-33f,  -0x1.faa1f8p-29f, -0x1.230aeap-28f,
    0x1.7351eep-28f,  0x1.d97374p-27f,  0x1.4e2f0cp-29f,  0x1.b8199p-31f,
    -0x1.68124cp-27f, -0x1.289edep-27f, 0x1.85d674p-27f,  0x1.cd4e34p-27f,
    0x1.dbfe34p-27f,  -0x1.761e3ep-26f, -0x1.6f3ff4p-26f, 0x1.a6f18p-27f};
