#version 330
// Strands, lit where they run (Kajiya and Kay).
in vec3 position;
in vec3 tangent;
in vec2 along;  // 0 root .. 1 tip; a number of the strand, 0..1
uniform mat4 clip;
uniform mat4 skull;  // carries strands that hang on the skull
uniform vec3 hair, tip_colour;
uniform float grey;  // share of white hairs
uniform float tips, roots, strength;
uniform float nearer;  // towards the camera in clip space: strands lie on the skin, not in it
#include light.glsl
out vec4 shade;
void main() {
    vec3 p = (skull * vec4(position, 1.0)).xyz, t = normalize(mat3(skull) * tangent), v = normalize(camera - p);
    float tl = dot(t, key), tv = dot(t, v), s = sqrt(max(1.0 - tl * tl, 0.0)), sv = sqrt(max(1.0 - tv * tv, 0.0));
    float tf = dot(t, fill), sf = sqrt(max(1.0 - tf * tf, 0.0));
    float shine = pow(max(s * sv - tl * tv, 0.0), 30.0), broad = pow(max(s * sv - tl * tv, 0.0), 8.0);
    float facing = smoothstep(-0.35, 0.5, dot(normalize(p - vec3(0.0, 0.076, 0.0)), key));
    vec3 own = mix(hair, tip_colour, smoothstep(0.2, 1.0, along.x));
    // A strand stands for a lock of many hairs: most of the white is within it, the rest tells locks apart.
    float white = mix(grey, smoothstep(-0.1, 0.1, grey * 1.2 - 0.1 - fract(along.y * 91.7)), 0.35);
    own = mix(own, vec3(0.62, 0.60, 0.56), 0.8 * white);
    own *= 0.65 + 0.7 * fract(along.y * 57.31);
    vec3 c = own * (0.75 * around(normalize(p - vec3(0.0, 0.076, 0.0))) + facing * key_colour * (0.45 * s + 0.6 * broad) + 0.4 * fill_colour * sf);
    c += facing * shine * key_colour * (0.03 + 0.25 * own);
    c *= mix(roots, 1.0, smoothstep(0.0, 0.6, along.x));
    shade = vec4(shown(c), strength * mix(1.0, tips, along.x));
    gl_Position = clip * vec4(p, 1.0);
    gl_Position.z -= nearer;
}
