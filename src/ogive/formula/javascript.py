"""JavaScript of a card's formula and of its derivatives, written from its tape.

Numbers are doubles. What JavaScript's `Math` lacks is in `FUNCTIONS`.
"""

from __future__ import annotations

from .tape import Node, Program

MATH = ("exp", "expm1", "log", "log1p", "tanh", "sqrt")
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "sum": "+"}

FUNCTIONS = """\
const {exp,expm1,log,log1p,tanh,sqrt,abs}=Math;
// e^(-a a) with the square in two parts, since its rounding error grows in the tail
function bell(a){if(abs(a)>40)return 0;const h=Math.fround(a);return exp(-h*h)*exp(-(a-h)*(a+h));}
const gauss=a=>1.1283791670955126*bell(a);
// erf: its series of positive terms; erfc from 1.5 on: its continued fraction
function erfSeries(a){let t=a,s=a;for(let k=1;k<90&&abs(t)>abs(s)*1e-18;k++){t*=2*a*a/(2*k+1);s+=t;}return gauss(a)*s;}
function erfcTail(a){let f=a;for(let k=160;k>0;k--)f=a+k/2/f;return bell(a)/f*0.5641895835477563;}
function erf(a){return abs(a)<1.5?erfSeries(a):a>0?1-erfcTail(a):erfcTail(-a)-1;}
function erfc(a){return a<=-1.5?2-erfcTail(-a):a<1.5?1-erfSeries(a):erfcTail(a);}
function logistic(a){const e=exp(-abs(a));return(a<0?e:1)/(1+e);}
const softplus=a=>Math.max(a,0)+log1p(exp(-abs(a)));
function sech2(a){const q=exp(-2*abs(a));return 4*q/((1+q)*(1+q));}
// a - tanh(a): Lambert's continued fraction near 0
function tanh_gap(a){if(abs(a)>=1)return a-tanh(a);const z=a*a;let t=25;for(let k=23;k>1;k-=2)t=k+z/t;return a*z/(t+z);}
const root=(a,c)=>Math.hypot(a,sqrt(c));
const root_sum=(a,c)=>a<0?c/(root(a,c)+abs(a)):a+root(a,c);
const root_share=(a,c)=>root_sum(a,c)/root(a,c);
// a - tau, where tau is where ((a - tau)+)^power and ((b - tau)+)^power sum to 1
function above1(a,b){const d=a-b;return d>=1?1:d>-1?(1+d)/2:1+d;}
function above2(a,b){const d=a-b;return d>=1?1:d>-1?d/2+sqrt((1-d*d/2)/2):1+d;}
// a factor that has underflowed wins over one that has overflowed
const times=(a,b)=>a===0||b===0?0:a*b;
"""


def function(program: Program) -> str:
    """A program as an arrow function, which returns an array of its results."""
    inputs = [program.nodes[i] for i in program.inputs]
    known = {node: f"p{k}" if k else "x" for k, node in enumerate(inputs)}
    lines = []
    for node in program.nodes:
        if node in known:
            continue
        text = _written(node, known)
        if node.args:
            known[node] = f"v{len(lines)}"
            lines.append(f"{known[node]}={text}")
        else:
            known[node] = text
    results = ",".join(known[program.nodes[i]] for i in program.results)
    steps = f"const {','.join(lines)};" if lines else ""
    return f"({','.join(known[node] for node in inputs)})=>{{{steps}return[{results}]}}"


def _written(node: Node, known: dict[Node, str]) -> str:
    args = [known[a] for a in node.args]
    if node.constant is not None:
        value = float(node.constant)
        text = repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        return f"({text})" if value < 0 else text
    if node.op == "pi":
        return "Math.PI"
    if node.op == "mul" and not any(a.constant for a in node.args):
        return f"times({','.join(args)})"
    if (above := _above(node, known)) is not None:
        return above
    if node.op in INFIX:
        return INFIX[node.op].join(args)
    if node.op == "neg":
        return f"-{args[0]}"
    if node.op in ("threshold1", "threshold2"):
        return f"{args[0]}-above{node.op[-1]}({','.join(args)})"
    if node.op == "split":
        x, c, below, above = args
        return f"{x}<={c}?{below}:{above}"
    return f"{node.op}({','.join(args)})"


def _above(node: Node, known: dict[Node, str]) -> str | None:
    """What is left of a logit above a threshold, without the threshold, which may be huge."""
    tau = node.args[-1]
    if node.op not in ("sub", "neg") or tau.op not in ("threshold1", "threshold2"):
        return None
    logit = node.args[0] if node.op == "sub" else tau.tape.node(0)
    if logit not in tau.args:
        return None
    other = tau.args[1 - tau.args.index(logit)]
    return f"above{tau.op[-1]}({known[logit]},{known[other]})"
