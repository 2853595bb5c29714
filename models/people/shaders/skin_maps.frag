#version 330
// A person's skin, painted once: colour and oil, relief, and the folds that each group of units throws.
in vec2 uv;
layout(location = 0) out vec4 colour_and_oil;  // sRGB
layout(location = 1) out vec4 relief;          // pores and fine lines, standing folds of age, 0, 0; 0.5 is level
layout(location = 2) out vec4 folds_a;         // forehead middle, forehead sides, glabella, crow's feet
layout(location = 3) out vec4 folds_b;         // nose root, nasolabial, chin, under the eyes
uniform sampler2D rest_map, more_map, noise_map;
uniform vec3 skin, lips, blood, hair;  // linear colours; blood: what redness multiplies by
uniform vec4 seed;
uniform float redness, freckles, moles, unevenness, oil, age, shadow, dark_eyes;
uniform float beard_cheeks, beard_chin, beard_lip;
uniform vec4 hairline;  // height, recede, has hair, stubble of a shaved head
uniform vec4 brow;      // half, arch, height, gap
uniform float brow_reach, brow_shade;

float bell(vec3 p, vec3 c, vec3 s) { vec3 d = (p - c) / s; return exp(-dot(d, d)); }
float bell(float x, float s) { x /= s; return exp(-x * x); }
vec4 noise(vec2 at, float scale, float shift) { return texture(noise_map, at * scale + seed.xy * (1.0 + shift) + shift); }
float ridge(float d, float width) { return -exp(-d * d / (width * width)) + 0.55 * exp(-pow((abs(d) - 1.9 * width) / (1.1 * width), 2.0)); }

void main() {
    vec4 at = texture(rest_map, uv);
    vec3 p = at.xyz, q = vec3(abs(p.x), p.yz);
    vec2 plane = vec2(atan(p.x, 0.06 - p.y) * 0.08, p.z);  // metres along the skin, nearly
    float lip = smoothstep(0.35, 0.75, at.w);
    float ears = texture(more_map, uv).x;
    vec4 broad = noise(plane, 7.0, 0.0) - 0.5, fine = noise(plane, 23.0, 0.37) - 0.5, pores = noise(plane, 61.0, 0.71) - 0.5;
    float wobble = broad.y;

    vec3 c = skin;
    c *= 1.0 + unevenness * (0.30 * broad.x + 0.18 * broad.z + 0.22 * fine.z + 0.14 * pores.w);
    c *= mix(vec3(1.0), vec3(1.03, 0.985, 0.94), unevenness * 1.5 * broad.w);
    float red = 0.8 * bell(q, vec3(0.040, -0.012, -0.035), vec3(0.022)) + 0.9 * bell(p, vec3(0, -0.044, -0.038), vec3(0.013))
        + 0.5 * bell(q, vec3(0.016, -0.025, -0.048), vec3(0.008)) + 0.7 * ears + 0.35 * bell(p, vec3(0, -0.025, -0.105), vec3(0.016));
    red = clamp(redness * red + 0.6 * redness * unevenness * (broad.x + fine.x), 0.0, 1.3);
    c *= mix(vec3(1.0), blood, red);
    float under = bell(q, vec3(0.029, -0.014, -0.017), vec3(0.016, 0.03, 0.007)) + 0.5 * bell(q, vec3(0.018, -0.015, -0.004), vec3(0.006, 0.03, 0.008));
    c *= mix(vec3(1.0), vec3(0.80, 0.74, 0.78), clamp(dark_eyes * under, 0.0, 1.0));
    c *= mix(vec3(1.0), vec3(0.88, 0.78, 0.76), 0.4 * bell(q, vec3(0.033, -0.014, 0.006), vec3(0.018, 0.03, 0.006)));
    float spot = smoothstep(0.16, 0.26, fine.y + 0.25 * pores.x) * smoothstep(-0.15, 0.2, broad.x + 0.2 * broad.w);
    c *= mix(vec3(1.0), vec3(0.70, 0.52, 0.40), freckles * spot * (0.4 + 0.6 * bell(q, vec3(0.03, -0.02, -0.02), vec3(0.035))));
    float mole = smoothstep(0.36, 0.39, broad.z + 0.35 * fine.w - 0.05);
    c *= mix(vec3(1.0), vec3(0.42, 0.28, 0.22), moles * mole);

    // What shaved or short hair leaves.
    float line = -0.036 - 0.030 * smoothstep(0.064, 0.034, q.x);
    float lower = smoothstep(0.0, 0.010, line - p.z) * smoothstep(-0.142, -0.126, p.z) * smoothstep(0.0, 0.012, 0.085 - p.y);
    float over = smoothstep(0.0, 0.006, 0.031 - q.x) * smoothstep(-0.078, -0.070, p.z) * smoothstep(0.0, 0.004, -0.0525 - p.z);
    float chin = lower * smoothstep(0.0, 0.010, 0.036 - q.x) * smoothstep(0.0, 0.006, -0.066 - p.z);
    float whiskers = max(max(beard_cheeks * lower * (1.0 - over), beard_chin * chin * (1.0 - over)), beard_lip * over);
    float grown = (0.75 + 0.7 * pores.z + 0.5 * fine.z);
    c = mix(c, mix(c * vec3(0.55, 0.56, 0.60), hair, 0.35), clamp(whiskers * (1.0 - lip) * grown, 0.0, 0.92));
    c *= mix(vec3(1.0), vec3(0.80, 0.80, 0.83), shadow * lower * (1.0 - lip) * (0.7 + fine.z));

    float corner = bell(q.x - 0.042, 0.016) * bell(p.y, 0.05);
    float edge = max(0.062 + hairline.x - 0.85 * (p.y + 0.012) + hairline.y * corner - 0.004 * bell(q.x, 0.02), -0.085);
    float scalp = smoothstep(-0.004, 0.008, p.z - edge + 0.012 * fine.z) * (1.0 - ears);
    c = mix(c, hair * (0.55 + 0.5 * fine.w), scalp * hairline.z * 0.95);
    c = mix(c, mix(c, hair, 0.5) * vec3(0.75, 0.77, 0.82), scalp * hairline.w * (0.6 + 0.8 * pores.z));

    float along = (q.x - brow.w) / (0.049 * brow_reach), u = clamp(along, 0.0, 1.0);
    float middle = 0.0205 + brow.z + brow.y * pow(sin(3.14159 * 0.62 * u), 1.5) * 1.3 - 0.006 * u * u * u * u;
    float half_width = brow.x * (1.05 - 0.75 * pow(u, 1.6)) * (0.75 + 0.25 * smoothstep(0.0, 0.15, u));
    float across = (p.z - middle) / half_width;
    float shade = exp(-0.8 * across * across) * smoothstep(-0.08, 0.08, along) * smoothstep(1.06, 0.94, along) * smoothstep(0.03, 0.01, p.y);
    c = mix(c, hair * 0.9, brow_shade * shade * (0.75 + 0.7 * pores.z));

    vec3 lip_colour = lips * (1.0 + 0.35 * (noise(plane * vec2(3.5, 0.7), 30.0, 0.2).z - 0.5)) * mix(0.85, 1.0, smoothstep(-0.074, -0.080, p.z));
    c = mix(c, lip_colour, lip * 0.92);
    float shine = oil * (0.45 + 0.8 * bell(p, vec3(0, -0.03, 0.03), vec3(0.03, 0.05, 0.05)) + 0.6 * bell(p, vec3(0, -0.044, -0.03), vec3(0.012)) + 0.3 * bell(q, vec3(0.04, -0.01, -0.025), vec3(0.02)));
    colour_and_oil = vec4(pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)), clamp(mix(shine + 0.25 * fine.y, 0.75, lip), 0.0, 1.0));

    float pore = 0.55 * pores.z + 0.6 * pores.w + 0.3 * fine.w + lip * 0.8 * (noise(plane * vec2(4.0, 0.5), 40.0, 0.9).z - 0.5);

    // Folds. Heights in the unit that the shader of the skin scales; 0 is level.
    float s = seed.z;  // shifts lines between people
    float forehead = smoothstep(0.028, 0.036, p.z) * smoothstep(0.074, 0.064, p.z - 0.3 * p.y) * smoothstep(0.035, 0.0, p.y);
    float lines = 0.0;
    for (int i = 0; i < 4; i++) {
        float f = float(i), height = 0.0365 + 0.0072 * f + 0.0015 * sin(7.0 * s + 2.1 * f) + 0.0035 * bell(p.x, 0.03) - 0.002 * sin(p.x * (70.0 + 20.0 * f) + f + s * 5.0);
        lines += ridge(p.z - height + 0.003 * wobble, 0.00125) * (0.65 + 0.35 * sin(p.x * 90.0 + f * 1.7 + s * 9.0));
    }
    float inner = bell(p.x, 0.026), outer = bell(q.x - 0.042, 0.019);
    float frown = 0.0;
    for (int k = -1; k <= 1; k += 2) {
        float x = p.x * float(k);
        frown += ridge(x - 0.0062 - 0.0012 * sin(s * 8.0 + float(k)) - 0.10 * (p.z - 0.02) + 0.002 * wobble, 0.0012) * smoothstep(0.004, 0.012, p.z) * smoothstep(0.040, 0.026, p.z);
    }
    frown *= 1.3;
    vec2 d = vec2(q.x - 0.0475, p.z + 0.0005);
    float angle = atan(d.y, max(d.x, 0.0004)), r = length(d), crow = 0.0;
    for (int i = 0; i < 4; i++) crow += ridge((angle - (-0.75 + 0.45 * float(i) + 0.12 * sin(s * 13.0 + float(i)))) * max(r, 0.006) + 0.0012 * wobble, 0.0010);
    crow *= smoothstep(0.004, 0.009, r) * smoothstep(0.026, 0.014, r) * step(0.0, d.x) * smoothstep(1.1, 0.7, abs(angle));
    float root = 0.0;
    for (int i = 0; i < 3; i++) root += ridge(p.z + 0.001 + 0.0052 * float(i) - 12.0 * p.x * p.x - 0.0006 * sin(s * 5.0 + float(i)), 0.0010) * (1.0 - 0.2 * float(i));
    root *= bell(q.x, 0.0125) * smoothstep(0.006, -0.012, p.y);
    for (int k = 0; k < 2; k++) {  // lines that run up the nose's sides
        float x = q.x - 0.0105 - 0.003 * float(k) - 0.25 * (p.z + 0.012);
        root += 0.7 * ridge(x, 0.0010) * smoothstep(-0.022, -0.014, p.z) * smoothstep(0.006, -0.002, p.z);
    }
    vec2 a = vec2(0.0195, -0.046), b = vec2(0.0345, -0.078);  // from the nostril's wing to beside the mouth
    vec2 t = b - a, e = q.xz - a;
    float l = clamp(dot(e, t) / dot(t, t), -0.1, 1.15), bend = 0.0035 * sin(3.14159 * clamp(l, 0.0, 1.0));
    float off = dot(e, normalize(vec2(-t.y, t.x))) - bend;
    float nasolabial = (-1.2 * exp(-off * off / (0.0022 * 0.0022)) + 0.75 * exp(-pow((off - 0.006) / 0.005, 2.0))) * smoothstep(-0.08, 0.06, l) * smoothstep(1.12, 0.8, l);
    float dimple = 0.0;
    dimple = 1.6 * (noise(plane, 26.0, 0.5).y - 0.5) * bell(length(vec2(p.x, p.z + 0.103)), 0.015) + 0.9 * ridge(p.z + 0.0905 + 5.0 * p.x * p.x, 0.0018) * bell(p.x, 0.014);
    float bags = 0.0;
    for (int i = 0; i < 2; i++) {
        float g = 0.0085 + 0.0045 * float(i) + 0.0006 * sin(s * 3.0), dz = p.z + g - 9.0 * (q.x - 0.031) * (q.x - 0.031) - 0.06 * (q.x - 0.031);
        bags += ridge(dz, 0.0009) * smoothstep(0.012, 0.022, q.x) * smoothstep(0.052, 0.044, q.x) * (1.0 - 0.35 * float(i));
    }
    folds_a = 0.5 + 0.25 * vec4(forehead * lines * inner, forehead * lines * max(outer, 0.25 * inner), frown, crow);
    folds_b = 0.5 + 0.25 * vec4(root, nasolabial, dimple, bags * smoothstep(0.02, 0.0, p.y));
    float standing = age * (0.55 * forehead * lines * (0.4 + 0.6 * broad.w + 0.3) + 0.35 * frown + 0.5 * crow + 0.8 * nasolabial + 0.6 * bags + 0.5 * fine.z + 0.4 * fine.w);
    relief = vec4(0.5 + 0.4 * pore, 0.5 + 0.25 * standing, 0.0, 1.0);
}
