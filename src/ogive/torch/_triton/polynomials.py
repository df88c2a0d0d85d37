"""Written by tools/triton_polynomials.py from the C++ coefficients; do not edit."""

# mypy: ignore-errors
import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN2_HI = tl.constexpr(0.6931471805592082)
LN2_LO = tl.constexpr(7.371002565167799e-13)
TAIL_CENTRE = tl.constexpr(5.0)


@triton.jit
def f64(value: tl.constexpr):
    # A bare literal would be a float32 among the arguments of tl.fma.
    return tl.full((), value, tl.float64)


@triton.jit
def exp_tail(x):
    p = f64(2.761379555451986e-07)
    p = tl.fma(p, x, f64(2.7625102005388108e-06))
    p = tl.fma(p, x, f64(2.4801536409064087e-05))
    p = tl.fma(p, x, f64(0.0001984120875699232))
    p = tl.fma(p, x, f64(0.0013888888905871347))
    p = tl.fma(p, x, f64(0.008333333353717156))
    p = tl.fma(p, x, f64(0.041666666666651364))
    p = tl.fma(p, x, f64(0.16666666666648303))
    p = tl.fma(p, x, f64(0.5))
    return p


@triton.jit
def atanh_tail(x):
    p = f64(0.08904143097896165)
    p = tl.fma(p, x, f64(0.06076680915027026))
    p = tl.fma(p, x, f64(0.0774990966400484))
    p = tl.fma(p, x, f64(0.09087843785035063))
    p = tl.fma(p, x, f64(0.11111198946011532))
    p = tl.fma(p, x, f64(0.14285713056208418))
    p = tl.fma(p, x, f64(0.20000000006531557))
    p = tl.fma(p, x, f64(0.3333333333332766))
    return p


@triton.jit
def atanh_tail_full(x):
    p = f64(0.07815288900461426)
    p = tl.fma(p, x, f64(0.03746071897775383))
    p = tl.fma(p, x, f64(0.05422589197440007))
    p = tl.fma(p, x, f64(0.05867139530651599))
    p = tl.fma(p, x, f64(0.06667589315724629))
    p = tl.fma(p, x, f64(0.07692271982430275))
    p = tl.fma(p, x, f64(0.09090909948981357))
    p = tl.fma(p, x, f64(0.11111111099118386))
    p = tl.fma(p, x, f64(0.1428571428580005))
    p = tl.fma(p, x, f64(0.19999999999999762))
    p = tl.fma(p, x, f64(0.3333333333333333))
    return p


@triton.jit
def normal_tail(x):
    p = f64(-1.5464779658589847e-08)
    p = tl.fma(p, x, f64(-5.6098572749165385e-08))
    p = tl.fma(p, x, f64(5.7456401548797465e-08))
    p = tl.fma(p, x, f64(4.303690648052136e-07))
    p = tl.fma(p, x, f64(-3.4938331581913484e-07))
    p = tl.fma(p, x, f64(-2.77118516009425e-06))
    p = tl.fma(p, x, f64(3.986442220173291e-06))
    p = tl.fma(p, x, f64(1.6682859814543122e-05))
    p = tl.fma(p, x, f64(-4.976419127284952e-05))
    p = tl.fma(p, x, f64(-5.9376241402740613e-05))
    p = tl.fma(p, x, f64(0.0005448992646779024))
    p = tl.fma(p, x, f64(-0.0007978693178533152))
    p = tl.fma(p, x, f64(-0.0029933767868759735))
    p = tl.fma(p, x, f64(0.020795066793523605))
    p = tl.fma(p, x, f64(-0.06911863870563123))
    p = tl.fma(p, x, f64(0.1650203661706008))
    p = tl.fma(p, x, f64(-0.3135331566713152))
    p = tl.fma(p, x, f64(0.49530561596997447))
    p = tl.fma(p, x, f64(-0.6653825028900567))
    p = tl.fma(p, x, f64(0.769193049750063))
    return p


@triton.jit
def erf_near(x):
    p = f64(-1.0469110332151208e-07)
    p = tl.fma(p, x, f64(1.5306373163641084e-06))
    p = tl.fma(p, x, f64(-1.4795031400662045e-05))
    p = tl.fma(p, x, f64(0.00012046261269779797))
    p = tl.fma(p, x, f64(-0.0008547933736519633))
    p = tl.fma(p, x, f64(0.0052239671935439))
    p = tl.fma(p, x, f64(-0.026866169050599326))
    p = tl.fma(p, x, f64(0.11283791658548713))
    p = tl.fma(p, x, f64(-0.37612638902808615))
    p = tl.fma(p, x, f64(0.12837916709549382))
    return p


@triton.jit
def tanh_gap_near(x):
    p = f64(-2.6071499450724475e-07)
    p = tl.fma(p, x, f64(2.3379359286019516e-06))
    p = tl.fma(p, x, f64(-1.0640737142458222e-05))
    p = tl.fma(p, x, f64(3.441045745506326e-05))
    p = tl.fma(p, x, f64(-9.370862374259854e-05))
    p = tl.fma(p, x, f64(0.00023763126682948868))
    p = tl.fma(p, x, f64(-0.0005895389033086001))
    p = tl.fma(p, x, f64(0.0014557261867842609))
    p = tl.fma(p, x, f64(-0.0035921125089144025))
    p = tl.fma(p, x, f64(0.008863234194265084))
    p = tl.fma(p, x, f64(-0.021869488476118533))
    p = tl.fma(p, x, f64(0.05396825396718832))
    p = tl.fma(p, x, f64(-0.1333333333333302))
    return p


@triton.jit
def tanh_gap_near_full(x):
    p = f64(1.0194947086878417e-08)
    p = tl.fma(p, x, f64(-1.0671460035440944e-07))
    p = tl.fma(p, x, f64(5.589611878490674e-07))
    p = tl.fma(p, x, f64(-2.0214631163816744e-06))
    p = tl.fma(p, x, f64(5.919642199680327e-06))
    p = tl.fma(p, x, f64(-1.555872204514558e-05))
    p = tl.fma(p, x, f64(3.909489114669662e-05))
    p = tl.fma(p, x, f64(-9.684564548505856e-05))
    p = tl.fma(p, x, f64(0.0002391096012768218))
    p = tl.fma(p, x, f64(-0.0005900235117283935))
    p = tl.fma(p, x, f64(0.0014558338369963881))
    p = tl.fma(p, x, f64(-0.0035921279857806117))
    p = tl.fma(p, x, f64(0.008863235527054621))
    p = tl.fma(p, x, f64(-0.02186948853607107))
    p = tl.fma(p, x, f64(0.053968253968252985))
    p = tl.fma(p, x, f64(-0.13333333333333333))
    return p
